import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TarReader, writeLayer, type LayerEntry } from "@stowage/oci";
import { collect } from "../../support/layer-bytes.ts";
import { directoryEntry, fileEntry, symlinkEntry, zerosEntry } from "../../support/memory-image.ts";
import { requirePrograms } from "../../support/programs.ts";
import {
  forgeHeader,
  forgeMember,
  forgePax,
  forgeTar,
  padded,
  paxRecord,
  type ForgedHeader,
} from "../../support/tar-forge.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** What a reader is told, as lines; contents in hexadecimal, so that chunks do not matter. */
function read(tar: Uint8Array, chunkBytes = tar.length): string[] {
  const lines: string[] = [];
  const reader = new TarReader({
    entry: ({ type, name, linkName, mode, uid, gid, size, mtime }) =>
      lines.push(
        `${type} ${name.toString("latin1")} ${linkName.toString("latin1")} ${mode.toString(8)} ${uid}:${gid} ${size} ${mtime}=`,
      ),
    contents: (chunk) => (lines[lines.length - 1] += Buffer.from(chunk).toString("hex")),
  });
  for (let at = 0; at < tar.length; at += chunkBytes) reader.push(tar.subarray(at, at + chunkBytes));
  reader.end();
  return lines;
}

const fault = (tar: Uint8Array): string => {
  try {
    read(tar);
    return "nothing";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

const deep = Array.from({ length: 12 }, (_, index) => String.fromCharCode(97 + index).repeat(250)).join("/");
const entries: readonly LayerEntry[] = [
  directoryEntry("/nix", 0o755),
  fileEntry("/nix/empty", ""),
  fileEntry("/nix/one", "x", 0o555),
  fileEntry("/nix/block", "b".repeat(512)),
  fileEntry("/nix/more", "b".repeat(513)),
  fileEntry(Buffer.from([0x2f, 0xff, 0xfe, 0x41]), "no UTF-8"),
  fileEntry(`/ü${"n".repeat(250)}`, "long"),
  symlinkEntry("/link", "t".repeat(4000)),
  symlinkEntry("/odd", Buffer.from([0xc3, 0x28])),
  directoryEntry(`/${deep}`),
];

test("reads what the layer writer writes, in chunks of any size", () => {
  const tar = collect(writeLayer(entries));
  const whole = read(tar);
  expect(whole).toHaveLength(entries.length);
  for (const [index, entry] of entries.entries()) {
    const name = `${entry.name.toString("latin1")}${entry.type === "directory" ? "/" : ""}`;
    const target = entry.type === "symlink" ? entry.target.toString("latin1") : "";
    expect(whole[index]).toMatch(
      new RegExp(`^${entry.type} `.concat(escape(`${name} ${target} ${entry.mode.toString(8)} 0:0 `))),
    );
  }
  for (const chunk of [1, 7, 511, 512, 513, 4096]) expect(read(tar, chunk)).toEqual(whole);
});

function escape(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}

test("sizes over 8 GiB, by PAX and by GNU's base 256, pass without memory", () => {
  const size = 9 * 1024 ** 3;
  let seen = 0;
  const reader = new TarReader({
    entry: (entry) => (seen -= entry.size),
    contents: (chunk) => (seen += chunk.length),
  });
  for (const chunk of writeLayer([zerosEntry("/large", size)])) reader.push(chunk);
  reader.end();
  expect(seen).toBe(0);
  const base256 = Buffer.alloc(12);
  base256[0] = 0x80;
  base256.writeBigUInt64BE(BigInt(size), 4);
  let told = 0;
  new TarReader({ entry: (entry) => (told = entry.size), contents: () => {} }).push(
    forgeHeader({ size: base256 }),
  );
  expect(told).toBe(size);
});

describe.skipIf(!requirePrograms("tar", "bsdtar", "python3"))("reads what others write", () => {
  const fill = (): string => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "in/deep", "d".repeat(120), "e".repeat(120)), { recursive: true });
    writeFileSync(join(folder, "in/deep", "d".repeat(120), "e".repeat(120), "f".repeat(90)), "deep");
    writeFileSync(join(folder, "in/plain"), "p".repeat(700));
    writeFileSync(Buffer.from(`${folder}/in/caf\u00e9`), "é");
    chmodSync(join(folder, "in/plain"), 0o555);
    symlinkSync("s".repeat(300), join(folder, "in/symlink"));
    linkSync(join(folder, "in/plain"), join(folder, "in/same"));
    execFileSync("mkfifo", [join(folder, "in/fifo")]);
    return folder;
  };
  const words: Record<string, string[]> = {
    "GNU tar, its own form": ["tar", "--format=gnu", "--sort=name", "-cf", "out.tar", "in"],
    "GNU tar, PAX": ["tar", "--format=pax", "--sort=name", "-cf", "out.tar", "in"],
    "GNU tar, names with ./": ["tar", "--format=posix", "-cf", "out.tar", "./in"],
    "bsdtar, PAX": ["bsdtar", "--format=pax", "-cf", "out.tar", "in"],
    "bsdtar, ustar where it fits": [
      "bsdtar",
      "--format=ustar",
      "-cf",
      "out.tar",
      "in/plain",
      "in/same",
      "in/deep",
    ],
    "bsdtar, GNU": ["bsdtar", "--format=gnutar", "-cf", "out.tar", "in"],
    "Python, PAX": [
      "python3",
      "-c",
      "import tarfile\nwith tarfile.open('out.tar','w',format=tarfile.PAX_FORMAT) as t: t.add('in')",
    ],
    "Python, GNU": [
      "python3",
      "-c",
      "import tarfile\nwith tarfile.open('out.tar','w',format=tarfile.GNU_FORMAT) as t: t.add('in')",
    ],
  };
  const list = `
import sys, tarfile
with tarfile.open('out.tar', errors='surrogateescape') as t:
  for m in t: print(m.name.strip('/').removeprefix('./'), m.size if m.isreg() else 0, m.mode, int(m.mtime))
`;
  test.each(Object.keys(words))("%s", (name) => {
    const folder = fill();
    const [program = "", ...rest] = words[name] as string[];
    execFileSync(program, rest, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    const expected = execFileSync("python3", ["-c", list], { cwd: folder, encoding: "utf8" })
      .trim()
      .split("\n");
    const told: string[] = [];
    const reader = new TarReader({
      entry: ({ name, size, mode, mtime }) =>
        told.push(
          `${name.toString().replace(/^\.\//, "").replace(/\/$/, "")} ${size} ${mode} ${Math.floor(mtime)}`,
        ),
      contents: () => {},
    });
    reader.push(readFileSync(join(folder, "out.tar")));
    reader.end();
    expect(told).toEqual(expected);
  });

  test("a sparse file is refused by name", () => {
    const folder = temporaryFolder();
    execFileSync("truncate", ["-s", "10M", join(folder, "hole")]);
    for (const format of ["gnu", "pax"]) {
      execFileSync("tar", [`--format=${format}`, "-Scf", "out.tar", "hole"], { cwd: folder });
      expect(fault(readFileSync(join(folder, "out.tar")))).toBe("tar-type");
    }
  });
});

describe("a hostile tar always ends in a verdict", () => {
  const whole = forgeTar(
    forgeMember({ name: "a" }, "contents"),
    forgePax(paxRecord("path", "b"), {}, "more"),
  );

  test("cut off at each byte", () => {
    for (let length = 0; length < whole.length; length++) {
      // The last byte of the first empty block is where the end becomes one.
      expect(fault(whole.subarray(0, length)), `${length} bytes`).toMatch(/^tar-(truncated|end)$/);
    }
  });

  test("each byte of its headers turned around is noticed", () => {
    for (const at of [0, 100, 124, 136, 148, 156, 257, 345, 511, 1024, 1024 + 124, 1024 + 156]) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] as number) ^ 0x55;
      expect(fault(damaged), `byte ${at}`).toMatch(/^tar-/);
    }
  });

  const headers: Record<string, [ForgedHeader, string]> = {
    "a wrong checksum": [{ checksumError: 1 }, "tar-checksum"],
    "no magic": [{ magic: "" }, "tar-header"],
    "an unknown magic": [{ magic: "ustar\u000001" }, "tar-header"],
    "no name": [{ name: "" }, "tar-header"],
    "a file with a slash behind its name": [{ name: "a/" }, "tar-header"],
    "a directory with contents": [{ type: "5", size: 512 }, "tar-header"],
    "a symlink with contents": [{ type: "2", linkName: "b", size: 1 }, "tar-header"],
    "a hard link with contents": [{ type: "1", linkName: "b", size: 1 }, "tar-header"],
    "a symlink without a target": [{ type: "2" }, "tar-header"],
    "a size that is no number": [{ size: "0000000008x\0" }, "tar-number"],
    "a size with digits of another base": [{ size: "00000000009\0" }, "tar-number"],
    "a negative size in base 256": [{ size: Buffer.alloc(12, 0xff) }, "tar-number"],
    "a negative owner in base 256": [{ uid: Buffer.alloc(8, 0xff) }, "tar-number"],
    "a size over all numbers": [
      { size: Buffer.from([0x80, ...Array.from({ length: 11 }, () => 0xff)]) },
      "tar-number",
    ],
    "a GNU sparse file": [{ type: "S" }, "tar-type"],
    "a GNU multi-volume file": [{ type: "M" }, "tar-type"],
    "a contiguous file": [{ type: "7" }, "tar-type"],
    "an unknown type": [{ type: "Z" }, "tar-type"],
    "a huge extended header": [{ type: "x", size: 1024 * 1024 * 1024 }, "tar-extension"],
    "a huge long name": [{ type: "L", size: 8 ** 11 - 1 }, "tar-extension"],
  };
  test.each(Object.entries(headers))("%s", (_, [header, code]) => {
    expect(fault(forgeTar(forgeHeader(header), padded("")))).toBe(code);
  });

  const records: Record<string, [string | Buffer, string]> = {
    "a record without a length": ["path=a\n", "tar-extension"],
    "a record longer than the header": ["99 path=a\n", "tar-extension"],
    "a record that ends too early": ["7 path=a\n", "tar-extension"],
    "a record of length 0": ["0 path=a\n", "tar-extension"],
    "a record without a key": ["6 =abc\n", "tar-extension"],
    "a record without a value": ["8 path\n\n", "tar-extension"],
    "zeros behind the records": [
      Buffer.concat([Buffer.from(paxRecord("path", "a")), Buffer.alloc(9)]),
      "tar-extension",
    ],
    "a record that is there twice": [paxRecord("path", "a") + paxRecord("path", "b"), "tar-extension"],
    "an empty path": [paxRecord("path", ""), "tar-extension"],
    "a NUL in a path": [paxRecord("path", "a\0b"), "tar-extension"],
    "an unknown character set": [paxRecord("hdrcharset", "EBCDIC"), "tar-extension"],
    "a negative size": [paxRecord("size", "-1"), "tar-number"],
    "a size with a fraction": [paxRecord("size", "1.5"), "tar-number"],
    "a size over all numbers": [paxRecord("size", "9".repeat(16)), "tar-number"],
    "an owner that is a word": [paxRecord("uid", "root"), "tar-number"],
    "a time that is a word": [paxRecord("mtime", "now"), "tar-number"],
    "a sparse file": [paxRecord("GNU.sparse.major", "1"), "tar-type"],
    "a path of 100 KiB": [paxRecord("path", "p".repeat(100 * 1024)), "tar-header"],
  };
  test.each(Object.entries(records))("an extended header with %s", (_, [body, code]) => {
    expect(fault(forgeTar(forgePax(body, {})))).toBe(code);
  });

  test("extended headers without an entry, two for one, too many, one for all that follow", () => {
    const pax = forgeMember({ type: "x" }, paxRecord("path", "a"));
    const long = forgeMember({ type: "L" }, "long\0");
    const comment = forgeMember({ type: "g" }, paxRecord("comment", "a commit"));
    expect(fault(forgeTar(pax))).toBe("tar-extension");
    expect(fault(forgeTar(pax, pax, forgeMember({})))).toBe("tar-extension");
    expect(fault(forgeTar(long, long, forgeMember({})))).toBe("tar-extension");
    expect(fault(forgeTar(comment, comment, comment, comment, comment, forgeMember({})))).toBe(
      "tar-extension",
    );
    expect(fault(forgeTar(forgeMember({ type: "g" }, paxRecord("path", "a")), forgeMember({})))).toBe(
      "tar-extension",
    );
    expect(fault(forgeTar(comment, forgeMember({})))).toBe("nothing");
  });

  test("what stands behind the end, between entries, or in place of the end", () => {
    const member = forgeMember({}, "x");
    expect(fault(Buffer.concat([forgeTar(member), member]))).toBe("tar-trailing-data");
    expect(fault(Buffer.concat([forgeTar(member), Buffer.from("x")]))).toBe("tar-trailing-data");
    expect(fault(Buffer.concat([forgeTar(member), Buffer.alloc(2 * 1024 * 1024)]))).toBe("tar-trailing-data");
    expect(fault(Buffer.concat([member, Buffer.alloc(512), member, Buffer.alloc(1024)]))).toBe("tar-end");
    expect(fault(Buffer.concat([member, Buffer.alloc(512)]))).toBe("tar-end");
    expect(fault(member)).toBe("tar-end");
    expect(fault(Buffer.alloc(0))).toBe("tar-end");
  });
});
