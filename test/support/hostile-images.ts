import { gzipSync, zstdCompressSync } from "node:zlib";
import { sha256, type ForgedLayer, type ForgeOptions } from "./forge-image.ts";
import {
  forgeHeader,
  forgeMember,
  forgePax,
  forgeTar,
  padded,
  paxRecord,
  type ForgedHeader,
} from "./tar-forge.ts";

/** Images that nobody made by mistake, and the code of what is wrong with each. */

const oci = "application/vnd.oci.image";

/** A tar with nothing wrong with it. */
export const good: Buffer = forgeTar(
  forgeMember({ name: "etc", type: "5" }),
  forgeMember({ name: "etc/motd" }, "hello"),
);

export const file = (name: string): Buffer => forgeMember({ name }, "x");
export const directory = (name: string): Buffer => forgeMember({ name, type: "5" });
export const link = (name: string, linkName: string): Buffer => forgeMember({ name, type: "2", linkName });
const hardLink = (name: string, linkName: string): Buffer => forgeMember({ name, type: "1", linkName });

/** Entries of a layer. */
export const hostileEntries: Record<string, [readonly Buffer[], string]> = {
  "a traversal": [[file("../../etc/passwd")], "entry-name"],
  "a traversal in the middle": [[directory("a"), file("a/../../b")], "entry-name"],
  "a traversal in a PAX name": [[forgePax(paxRecord("path", "/../evil"), {}, "x")], "entry-name"],
  "a traversal in a prefix": [[forgeMember({ name: "x", prefix: "../.." }, "x")], "entry-name"],
  "an absolute traversal": [[file("/../x")], "entry-name"],
  "two slashes": [[file("//etc")], "entry-name"],
  "a dot in the middle": [[directory("a"), file("a/./b")], "entry-name"],
  "a part of 256 bytes": [[forgePax(paxRecord("path", "p".repeat(256)), {}, "x")], "entry-name"],
  "the root as a file": [[forgeMember({ name: "./", type: "2", linkName: "etc" })], "entry-name"],
  "a character device": [[forgeMember({ name: "null", type: "3" })], "entry-type"],
  "a block device": [[forgeMember({ name: "sda", type: "4" })], "entry-type"],
  "a FIFO": [[forgeMember({ name: "fifo", type: "6" })], "entry-type"],
  "a file twice": [[file("a"), file("a")], "entry-duplicate"],
  "a file twice, written otherwise": [[file("a"), file("./a")], "entry-duplicate"],
  "a directory twice": [[directory("a"), directory("a/")], "entry-duplicate"],
  "a file below a symlink": [[link("out", "/etc"), file("out/passwd")], "entry-through-link"],
  "a file below a file": [[file("a"), file("a/b")], "entry-through-link"],
  "a symlink above the root": [[link("out", "../../etc/passwd")], "link-outside"],
  "a hard link out": [[hardLink("shadow", "../../etc/shadow")], "link-outside"],
  "a hard link to nothing": [[hardLink("shadow", "/etc/shadow")], "link-missing"],
  "a hard link to a directory": [[directory("a"), hardLink("b", "a")], "link-missing"],
  "a hard link to the root": [[hardLink("b", "/")], "link-missing"],
  "no parent": [[file("a/b")], "parent-missing"],
  "a whiteout of nothing": [[file(".wh.gone")], "whiteout"],
  "a whiteout without a name": [[file(".wh.")], "whiteout"],
  "a whiteout of the folder itself": [[file(".wh...")], "whiteout"],
  "a whiteout beside what it deletes": [[file("a"), file(".wh.a")], "whiteout"],
};

const compressed = { tar: good, mediaType: `${oci}.layer.v1.tar+gzip` };
/** Headers that no layer's tar has, whatever comes behind them. */
const headers: Record<string, [ForgedHeader, string]> = {
  "a wrong checksum": [{ checksumError: 1 }, "tar-checksum"],
  "no magic": [{ magic: "" }, "tar-header"],
  "a negative size in base 256": [{ size: Buffer.alloc(12, 0xff) }, "tar-number"],
  "a negative owner in base 256": [{ uid: Buffer.alloc(8, 0xff) }, "tar-number"],
  "a size over all numbers": [{ size: Buffer.from("80ffffffffffffffffffffff", "hex") }, "tar-number"],
  "a size that is no number": [{ size: "0000000008x\0" }, "tar-number"],
  "a GNU sparse file": [{ type: "S" }, "tar-type"],
  "an unknown type": [{ type: "Z" }, "tar-type"],
  "a huge extended header": [{ type: "x", size: 2 ** 30 }, "tar-extension"],
};

/** Tars that cannot be read to their end. */
export const hostileTars: Record<string, [Buffer, string]> = {
  ...Object.fromEntries(
    Object.entries(headers).map(([title, [header, code]]) => [
      title,
      [forgeTar(forgeHeader(header), padded("")), code],
    ]),
  ),
  "a sparse file in PAX": [forgeTar(forgePax(paxRecord("GNU.sparse.major", "1"), {}, "x")), "tar-type"],
  "a negative size in PAX": [forgeTar(forgePax(paxRecord("size", "-1"), {}, "x")), "tar-number"],
};

/** Layers whose tar is not what is stored. */
export const hostileLayers: Record<string, [ForgedLayer, string]> = {
  "gzip that is cut off": [{ ...compressed, stored: gzipSync(good).subarray(0, -9) }, "compression-invalid"],
  "gzip with garbage behind it": [
    { ...compressed, stored: Buffer.concat([gzipSync(good), Buffer.from("garbage")]) },
    "compression-invalid",
  ],
  "gzip with zeros behind it": [
    { ...compressed, stored: Buffer.concat([gzipSync(good), Buffer.alloc(100)]) },
    "compression-invalid",
  ],
  "gzip with a wrong checksum": [
    { ...compressed, stored: turned(gzipSync(good), -6) },
    "compression-invalid",
  ],
  "zstd that is cut off": [
    {
      ...compressed,
      mediaType: `${oci}.layer.v1.tar+zstd`,
      stored: zstdCompressSync(good).subarray(0, -3),
    },
    "compression-invalid",
  ],
  "zstd with garbage behind it": [
    {
      ...compressed,
      mediaType: `${oci}.layer.v1.tar+zstd`,
      stored: Buffer.concat([zstdCompressSync(good), Buffer.from("garbage")]),
    },
    "compression-invalid",
  ],
  "another compression than the media type says": [
    { ...compressed, stored: zstdCompressSync(good) },
    "media-type",
  ],
  "no compression, against the media type": [{ ...compressed, stored: good }, "media-type"],
  "an unknown media type": [{ stored: good, mediaType: "application/x-squashfs" }, "media-type"],
  "another tar than the config says": [{ stored: good, tar: Buffer.from("other") }, "diff-id-mismatch"],
  "no tar at all": [{ stored: Buffer.from("This is a letter.".repeat(100)) }, "tar-header"],
};

/** A file in 240 directories. */
function longNamed(at: number): Buffer {
  return forgePax(paxRecord("path", `${"p".repeat(250)}/`.repeat(240) + at), {});
}

const GiB = 1024 ** 3;
/** Tars that stand for far more than they weigh once they are compressed. */
export const makeBombs = (): Record<string, [Buffer, string]> => ({
  "zeros without end": [Buffer.alloc(64 * 1024 * 1024), "tar-trailing-data"],
  "a file that would have 1 TiB": [
    forgeTar(forgePax(paxRecord("size", String(1024 * GiB)), {}, Buffer.alloc(8 * 1024 * 1024))),
    "tar-too-large",
  ],
  "an extended header that would have 1 GiB": [
    forgeTar(forgeHeader({ type: "x", size: GiB })),
    "tar-extension",
  ],
  "more names than any layer": [
    forgeTar(...Array.from({ length: 1200 }, (_, at) => longNamed(at))),
    "tar-too-large",
  ],
});

const bytes = (text: string): Buffer => Buffer.from(text);
const deep = bytes("[".repeat(200_000) + "]".repeat(200_000));
/** Documents of an image of one good layer. */
export const hostileDocuments: Record<string, [ForgeOptions, string]> = {
  "an index that is null": [{ index: () => null }, "document-invalid"],
  "an index that is a number": [{ index: () => 7 }, "document-invalid"],
  "an index that is no JSON": [{ index: () => bytes("{") }, "document-invalid"],
  "an index that is not UTF-8": [{ index: () => Buffer.from([0x22, 0xff, 0x22]) }, "document-invalid"],
  "an index that is nested deep": [{ index: () => deep }, "document-invalid"],
  "an index of millions of values": [
    { index: () => bytes(`[${"0,".repeat(5_000_000)}0]`) },
    "document-invalid",
  ],
  "an index of another version": [{ index: (index) => ({ ...index, schemaVersion: 1 }) }, "document-invalid"],
  "an index without images": [{ index: (index) => ({ ...index, manifests: [] }) }, "document-invalid"],
  "an index whose images are null": [
    { index: (index) => ({ ...index, manifests: null }) },
    "document-invalid",
  ],
  "an index of something unknown": [
    { index: (index) => ({ ...index, manifests: [{ mediaType: "x", digest: digest("x"), size: 1 }] }) },
    "media-type",
  ],
  "a digest that leads elsewhere": [
    {
      index: (index) => ({
        ...index,
        manifests: [{ ...first(index), digest: "sha256:../../../etc/passwd" }],
      }),
    },
    "document-invalid",
  ],
  "a manifest that is not there": [
    { index: (index) => ({ ...index, manifests: [{ ...first(index), digest: digest("x") }] }) },
    "document-missing",
  ],
  "a manifest of another size": [
    { index: (index) => ({ ...index, manifests: [{ ...first(index), size: 3 }] }) },
    "size-mismatch",
  ],
  "a manifest for another platform": [
    {
      index: (index) => ({
        ...index,
        manifests: [{ ...first(index), platform: { os: "linux", architecture: "riscv64" } }],
      }),
    },
    "platform-mismatch",
  ],
  "a manifest that is null": [{ manifest: () => null }, "document-invalid"],
  "a manifest of another type": [{ manifest: (manifest) => ({ ...manifest, mediaType: "x" }) }, "media-type"],
  "a manifest whose layers are a number": [
    { manifest: (manifest) => ({ ...manifest, layers: 1 }) },
    "document-invalid",
  ],
  "a negative size": [
    { manifest: (manifest) => ({ ...manifest, layers: [{ ...layerOf(manifest), size: -1 }] }) },
    "document-invalid",
  ],
  "a layer of another size": [
    { manifest: (manifest) => ({ ...manifest, layers: [{ ...layerOf(manifest), size: 1 }] }) },
    "size-mismatch",
  ],
  "a layer that is not there": [
    { manifest: (manifest) => ({ ...manifest, layers: [{ ...layerOf(manifest), digest: digest("x") }] }) },
    "blob-missing",
  ],
  "one layer more in the manifest": [
    { manifest: (manifest) => ({ ...manifest, layers: [layerOf(manifest), layerOf(manifest)] }) },
    "layer-count",
  ],
  "no layer in the manifest": [{ manifest: (manifest) => ({ ...manifest, layers: [] }) }, "layer-count"],
  "a config that is null": [{ config: () => null }, "document-invalid"],
  "a config that is nested deep": [{ config: () => deep }, "document-invalid"],
  "a config without a platform": [{ config: (config) => ({ ...config, os: undefined }) }, "document-invalid"],
  "a config whose labels are numbers": [
    { config: (config) => ({ ...config, config: { Labels: { a: 1 } } }) },
    "document-invalid",
  ],
  "a config made at no time": [
    { config: (config) => ({ ...config, created: "yesterday" }) },
    "document-invalid",
  ],
  "one layer more in the config": [
    { config: (config) => ({ ...config, history: [], rootfs: { diff_ids: [digest("x"), digest("y")] } }) },
    "layer-count",
  ],
  "one layer more in the history": [
    { config: (config) => ({ ...config, history: [{}, {}] }) },
    "history-count",
  ],
  "names that are methods of an object": [
    { config: (config) => ({ ...config, history: [{ ["__proto__"]: 1, created: { toString: 1 } }] }) },
    "document-invalid",
  ],
};

export function digest(bytes: string | Buffer): string {
  return `sha256:${sha256(Buffer.from(bytes as string))}`;
}

function first(index: Record<string, unknown>): object {
  return (index["manifests"] as object[])[0] as object;
}

function layerOf(manifest: Record<string, unknown>): object {
  return (manifest["layers"] as object[])[0] as object;
}

/** The bytes with one of them turned around. */
export function turned(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const place = at < 0 ? copy.length + at : at;
  copy[place] = (copy[place] as number) ^ 0xff;
  return copy;
}
