"""Writes a layer with Python's tarfile, the way nixpkgs' streamLayeredImage uses it: the independent writer that
Stowage's own is compared with. Usage: python-tar-writer.py PHYSICAL_ROOT STORE_PATH... > layer.tar

PHYSICAL_ROOT/nix/store/x is written as /nix/store/x."""

import os
import stat
import sys
import tarfile


def member(name, mode, kind):
    info = tarfile.TarInfo(name)
    info.mode = mode
    info.type = kind
    info.mtime = 1
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info


def add(archive, physical, name):
    status = os.lstat(physical)
    if stat.S_ISLNK(status.st_mode):
        info = member(name, 0o777, tarfile.SYMTYPE)
        info.linkname = os.readlink(physical)
        archive.addfile(info)
    elif stat.S_ISDIR(status.st_mode):
        archive.addfile(member(name, 0o555, tarfile.DIRTYPE))
        for child in sorted(os.listdir(physical), key=os.fsencode):
            add(archive, os.path.join(physical, child), name + "/" + child)
    else:
        info = member(name, 0o555 if status.st_mode & 0o100 else 0o444, tarfile.REGTYPE)
        info.size = status.st_size
        with open(physical, "rb") as contents:
            archive.addfile(info, contents)


root, *paths = sys.argv[1:]
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
    for directory in ("/nix", "/nix/store"):
        archive.addfile(member(directory, 0o755, tarfile.DIRTYPE))
    for path in paths:
        add(archive, root + path, path)
