import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { layerSize, writeLayer } from "@stowage/oci";
import { isLong } from "../../support/campaign.ts";
import { storeLayer } from "../../support/layer-bytes.ts";
import { requirePrograms } from "../../support/programs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { someBytes } from "../../support/trees.ts";

const writer = join(import.meta.dirname, "python-tar-writer.py");
const path = "/nix/store/00000000000000000000000000000000-large";
const GIB = 2 ** 30;
/** The first size that the plain header has no room for. */
const TOO_LARGE = 8 ** 11;

/** A tree of a large file, of holes but for its ends and around 4 GiB, and a small one after it. */
function makeLargeTree(size: number): { readonly root: string; readonly files: readonly string[] } {
  const root = temporaryFolder();
  const folder = `${root}${path}`;
  mkdirSync(folder, { recursive: true });
  const files = ["a-large", "b-last"].map((name) => join(folder, name));
  const [large = "", last = ""] = files;
  writeFileSync(large, "");
  truncateSync(large, size);
  const marks = someBytes(1 << 20);
  const fd = openSync(large, "r+");
  for (const at of [0, 4 * GIB - (1 << 19), size - marks.length]) writeSync(fd, marks, 0, marks.length, at);
  closeSync(fd);
  writeFileSync(last, "last");
  return { root, files };
}

/** Feeds a program, which must end well; a chunk is asked for when the one before is gone. */
async function feed(words: readonly [string, ...string[]], chunks: Iterable<Uint8Array>): Promise<void> {
  const [program, ...rest] = words;
  const child = spawn(program, rest, { stdio: ["pipe", "ignore", "pipe"] });
  const ended = once(child, "close");
  let said = "";
  child.stderr.on("data", (data: Buffer) => (said += data.toString()));
  try {
    for (const chunk of chunks)
      await new Promise<void>((resolve, reject) =>
        child.stdin.write(chunk, (error) => (error ? reject(error) : resolve())),
      );
  } catch (error) {
    said += `${String(error)}\n`;
  }
  child.stdin.end();
  expect([(await ended)[0], said.replaceAll(/^.*Removing leading.*\n/gm, "")]).toEqual([0, ""]);
}

/** Checks that a stream has these very bytes. */
async function expectBytes(stream: AsyncIterable<Buffer>, chunks: Generator<Uint8Array>): Promise<number> {
  let ours: Uint8Array = new Uint8Array(0);
  let position = 0;
  for await (const theirs of stream) {
    for (let at = 0; at < theirs.length;) {
      if (ours.length === 0) ours = (chunks.next().value as Uint8Array | undefined) ?? ours;
      const length = Math.min(ours.length, theirs.length - at);
      if (length === 0 || theirs.compare(ours, 0, length, at, at + length) !== 0)
        throw new Error(`another byte in the ${length} from ${position}`);
      ours = ours.subarray(length);
      at += length;
      position += length;
    }
  }
  expect([ours.length, chunks.next().done]).toEqual([0, true]);
  return position;
}

const pythonReader = `
import shutil, sys, tarfile
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
  for member in archive:
    if member.isfile(): shutil.copyfileobj(archive.extractfile(member), sys.stdout.buffer, 1 << 20)
`;
/** Programs that write the contents of all files of the archive on stdin to stdout. */
const readers = { tar: "tar -xOf -", bsdtar: "bsdtar -xOf -", python3: 'python3 -c "$READER"' };

async function readBack(reader: keyof typeof readers, size: number): Promise<void> {
  const { root, files } = makeLargeTree(size);
  const script = `set -o pipefail; READER='${pythonReader}'; ${readers[reader]} | cmp - <(cat "$@")`;
  await feed(["bash", "-c", script, "bash", ...files], writeLayer(storeLayer(root, [path])));
}

describe.skipIf(!requirePrograms("python3", "tar", "bsdtar", "bash", "cmp"))(
  "files of many GiB",
  { timeout: 900_000 },
  () => {
    // A minute or two each where a machine is slow: CI reads on after such a file with headers alone (test/oci/layer).
    test.runIf(isLong)("a file of 8 GiB has the bytes that Python's tarfile gives it", async () => {
      const { root } = makeLargeTree(TOO_LARGE);
      const python = spawn("python3", [writer, root, path], { stdio: ["ignore", "pipe", "inherit"] });
      const length = await expectBytes(python.stdout, writeLayer(storeLayer(root, [path])));
      expect(layerSize(storeLayer(root, [path]))).toBe(length);
    });

    const cases = (Object.keys(readers) as (keyof typeof readers)[]).flatMap((reader) =>
      [5 * GIB, TOO_LARGE - 1, TOO_LARGE, 9 * GIB].map((size) => [reader, size] as const),
    );
    test.runIf(isLong).each(cases)("%s reads back a file of %s bytes, and the one after", readBack);
  },
);
