import { execFileSync } from "node:child_process";
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeLayer, type LayerEntry } from "@stowage/oci";
import {
  directoryEntry,
  fileEntry,
  symlinkEntry,
  writeSparsely,
  zerosEntry,
} from "../../support/memory-image.ts";
import { collect } from "../../support/layer-bytes.ts";
import { requirePrograms } from "../../support/programs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Python would write to the absolute names, so they are made relative first, as the others do by themselves. */
const pythonReader = `
import sys, tarfile
with tarfile.open(sys.argv[1], errors="surrogateescape") as archive:
  for member in archive:
    member.name = member.name[1:]
    archive.extract(member, sys.argv[2])
`;

const readers: Record<string, (archive: string, folder: string) => string[]> = {
  tar: (archive, folder) => ["-xpf", archive, "-C", folder],
  bsdtar: (archive, folder) => ["-xpf", archive, "-C", folder],
  python3: (archive, folder) => ["-c", pythonReader, archive, folder],
};

const deep = Array.from({ length: 4 }, (_, index) => String(index).repeat(200)).join("/");
const entries: readonly LayerEntry[] = [
  directoryEntry("/store", 0o755),
  fileEntry("/store/empty", ""),
  fileEntry("/store/program", "#!/bin/sh\n", 0o555),
  fileEntry("/store/block", "b".repeat(512)),
  fileEntry(`/store/${"n".repeat(92)}`, "99 bytes"),
  fileEntry(`/store/${"m".repeat(93)}`, "100 bytes"),
  fileEntry(`/store/${"o".repeat(94)}`, "101 bytes"),
  fileEntry(`/store/${"l".repeat(255)}`, "the longest component"),
  fileEntry(`/store/deep/${deep}/file`, "deep"),
  fileEntry("/store/grüße 🐱", "not ASCII"),
  fileEntry("/store/new\nline\tand tab", "odd"),
  fileEntry("/store/-dash", "odd"),
  directoryEntry(`/store/${"d".repeat(150)}`),
  symlinkEntry("/store/absolute", "/nix/store"),
  symlinkEntry("/store/relative", "../a/b"),
  symlinkEntry("/store/long", "t".repeat(300)),
  symlinkEntry("/store/ünlike", "é".repeat(70)),
  fileEntry(Buffer.from([...Buffer.from("/store/not-utf-8-"), 0xff, 0xc3, 0x28]), "raw bytes"),
  symlinkEntry(Buffer.from([...Buffer.from("/store/"), 0xfe]), Buffer.from([0x80, 0x2f, 0xff])),
];

/** What a folder holds: names with kind, permissions, and contents or target, as Latin-1. */
function listing(folder: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder, "buffer")) {
    const place = Buffer.concat([folder, Buffer.from("/"), name]);
    const stats = lstatSync(place);
    const key = name.toString("latin1");
    if (stats.isDirectory()) {
      found[`${key}/`] = "directory";
      for (const [inner, what] of Object.entries(listing(place))) found[`${key}/${inner}`] = what;
    } else if (stats.isSymbolicLink()) {
      found[key] = `to ${readlinkSync(place, "buffer").toString("latin1")}`;
    } else
      found[key] = `${(stats.mode & 0o777).toString(8)} ${readFileSync(place, "latin1")} at ${stats.mtimeMs}`;
  }
  return found;
}

function expected(of: readonly LayerEntry[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of of) {
    const name = entry.name.toString("latin1").replace(/^\/store\/?/, "");
    for (let at = name.indexOf("/"); at !== -1; at = name.indexOf("/", at + 1))
      found[name.slice(0, at + 1)] = "directory";
    if (entry.type === "directory") {
      if (name !== "") found[`${name}/`] = "directory";
    } else if (entry.type === "symlink") found[name] = `to ${entry.target.toString("latin1")}`;
    else
      found[name] =
        `${entry.mode.toString(8)} ${Buffer.concat([...entry.chunks()]).toString("latin1")} at 1000`;
  }
  return found;
}

test.each(Object.entries(readers))("%s unpacks what was put in", async (program, words) => {
  if (!requirePrograms(program)) return;
  const folder = temporaryFolder();
  const [archive, out] = [join(folder, "layer.tar"), join(folder, "out")];
  writeFileSync(archive, collect(writeLayer(entries)));
  mkdirSync(out);
  const env = { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" };
  execFileSync(program, words(archive, out), { env, stdio: ["ignore", "ignore", "pipe"] });
  expect(listing(Buffer.from(join(out, "store")))).toEqual(expected(entries));
});

test("tar and bsdtar read on after a file over 8 GiB", () => {
  const archive = join(temporaryFolder(), "layer.tar");
  const size = 8 ** 11 + 1;
  const fd = openSync(archive, "w");
  writeSparsely(writeLayer([zerosEntry("/huge", size), fileEntry("/last", "x")]), { fd, offset: 0 });
  closeSync(fd);
  for (const program of ["tar", "bsdtar"].filter((name) => requirePrograms(name))) {
    const listed = execFileSync(program, ["-tvf", archive], { encoding: "utf8", stdio: "pipe" });
    const lines = listed.trim().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(` ${size} `);
    expect(lines[1]).toContain("last");
  }
});
