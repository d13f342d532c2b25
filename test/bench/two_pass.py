"""Writes a docker-archive as nixpkgs' streamLayeredImage does: each layer's tar is made twice, once for its SHA-256 and
once, through a pipe, for the output. Usage: two_pass.py STORE_ROOT MAX_LAYERS PATH... ; PATHs as on the disk."""

import hashlib
import io
import json
import os
import sys
import tarfile
import threading


class Checksum:
    def __init__(self):
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data):
        self.hash.update(data)
        self.size += len(data)
        return len(data)


def normalise(member):
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = 1
    return member


def write_layer(output, root, paths):
    with tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            tar.add(path, arcname=path[len(root) :], filter=normalise)


def write_layer_twice(image, root, paths):
    checksum = Checksum()
    write_layer(checksum, root, paths)
    digest = checksum.hash.hexdigest()
    member = tarfile.TarInfo(f"{digest}/layer.tar")
    member.size = checksum.size
    reading, writing = os.pipe()

    def write_again():
        with open(writing, "wb") as output:
            write_layer(output, root, paths)

    writer = threading.Thread(target=write_again)
    with open(reading, "rb") as layer:
        writer.start()
        image.addfile(member, layer)
        writer.join()
    return member.name, f"sha256:{digest}"


def write_document(image, name, document):
    contents = json.dumps(document).encode()
    member = tarfile.TarInfo(name)
    member.size = len(contents)
    image.addfile(member, io.BytesIO(contents))


root, most, *paths = sys.argv[1:]
alone = int(most) - 1
layers = [[path] for path in paths[:alone]] + [paths[alone:]] * (len(paths) > alone)
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT) as image:
    written = [write_layer_twice(image, root, layer) for layer in layers]
    rootfs = {"type": "layers", "diff_ids": [diff_id for _, diff_id in written]}
    write_document(image, "config.json", {"os": "linux", "architecture": "amd64", "rootfs": rootfs})
    manifest = {"Config": "config.json", "RepoTags": [], "Layers": [name for name, _ in written]}
    write_document(image, "manifest.json", [manifest])
