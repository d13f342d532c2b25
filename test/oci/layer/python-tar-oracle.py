"""Writes layers with Python's tarfile, the way nixpkgs' streamLayeredImage uses it, and says their SHA-256: the
independent writer that Stowage's own is compared with. No disk is involved.

Reads one layer a line, a JSON array of entries {type, name, mode, uid, gid, target, data} with names, targets and
data as latin-1 strings, one character a byte. Prints a line for each: digest and length of the tar. An entry with a
"size" instead of data stands for its header alone: printed in base64."""

import base64
import hashlib
import io
import json
import sys
import tarfile

KINDS = {"directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "file": tarfile.REGTYPE}


def text(latin1):
    return latin1.encode("latin-1").decode("utf-8", "surrogateescape")


def member(entry):
    info = tarfile.TarInfo(text(entry["name"]))
    info.type = KINDS[entry["type"]]
    info.mode = entry["mode"]
    info.mtime = 1
    info.uid, info.gid = entry.get("uid", 0), entry.get("gid", 0)
    info.uname = "root" if info.uid == 0 else ""
    info.gname = "root" if info.gid == 0 else ""
    info.linkname = text(entry.get("target", ""))
    return info


class Digest:
    def __init__(self):
        self.hash, self.length = hashlib.sha256(), 0

    def write(self, data):
        self.hash.update(data)
        self.length += len(data)


def layer(entries):
    out = Digest()
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        for entry in entries:
            data = entry.get("data", "").encode("latin-1")
            info = member(entry)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return f"{out.hash.hexdigest()} {out.length}"


def header(entry):
    info = member(entry)
    info.size = entry["size"]
    return base64.b64encode(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")).decode()


for line in sys.stdin:
    entries = json.loads(line)
    print(header(entries) if isinstance(entries, dict) else layer(entries))
