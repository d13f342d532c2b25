import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { NixError } from "@stowage/nix";
import { OciError } from "@stowage/oci";
import { CoreError, inspect, readImageClosure, verify, type VerifyResult } from "@stowage/core";
import { expect, test } from "vitest";
import { campaignSize, isLong, seededRandom } from "../../support/campaign.ts";
import {
  forgeFiles,
  toArchive,
  writeLayout,
  type ForgedLayer,
  type ForgeOptions,
} from "../../support/forge-image.ts";
import { smallStoreImage } from "../../support/small-store-image.ts";
import { cut } from "../../support/trees.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** No store is asked: there is none in this place. */
const environment = { NIX_STORE_DIR: "/nowhere/store" };
const hello = `${"0".repeat(31)}1-hello-1`;
const libc = `${"0".repeat(31)}2-libc-2`;
const { layers, options } = smallStoreImage([
  {
    baseName: hello,
    files: { "bin/hello": "#!/bin/sh\necho hello\n", "share/link": "-> ../bin" },
    references: [libc],
  },
  { baseName: libc, files: { "lib/libc.so": "l".repeat(700), "lib/long": "-> ".concat("t".repeat(300)) } },
]);

const random = seededRandom(0x5ee0);
const upTo = (end: number): number => Math.floor(random() * end);
const pick = <T>(values: readonly T[]): T => values[upTo(values.length)] as T;

/** Bytes, damaged in one of the ways that bytes are damaged, or that somebody damages them. */
function mutate(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const block = 512 * upTo(copy.length / 512);
  const at = upTo(copy.length);
  switch (upTo(9)) {
    case 0:
      copy[at] = upTo(256);
      return copy;
    case 1:
      copy[at] = (copy[at] as number) ^ (1 << upTo(8));
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy.subarray(0, block), copy.subarray(block + 512)]);
    case 4:
      return Buffer.concat([copy.subarray(0, block + 512), copy.subarray(block)]);
    case 5:
      return Buffer.concat([copy.subarray(0, at), Buffer.from([upTo(256)]), copy.subarray(at)]);
    case 6:
      return copy.fill(pick([0, 0xff, 0x80, 0x30]), at, Math.min(copy.length, at + 1 + upTo(600)));
    case 7:
      copy.copyWithin(block, at, at + upTo(2000));
      return copy;
    default:
      return changeHeader(copy);
  }
}

const numbers = [
  "77777777777\0",
  "00000000000\0",
  "-0000000001\0",
  "\u0080\0\0\0\0\0\0\0\0\0\u0001\0",
  "9",
  "  7 \0",
];

/** A field of some header changed, with the right checksum: what comes behind it is reached. */
function changeHeader(tar: Buffer): Buffer {
  const headers: number[] = [];
  for (let at = 0; at + 512 <= tar.length; at += 512)
    if (tar.toString("latin1", at + 257, at + 262) === "ustar") headers.push(at);
  if (headers.length === 0) return tar;
  const at = pick(headers);
  const header = tar.subarray(at, at + 512);
  const [start, length] = pick([
    [0, 100],
    [100, 8],
    [108, 8],
    [116, 8],
    [124, 12],
    [136, 12],
    [156, 1],
    [157, 100],
    [257, 8],
    [345, 155],
  ] as const);
  const other = pick(headers);
  const values = [
    () => tar.subarray(other + start, other + start + length),
    () => Buffer.from(pick(numbers), "latin1"),
    () =>
      Buffer.from(
        pick(["../../etc/x", "/", ".", "nix/store", "etc/passwd/x", ".wh.nix", `nix/store/${libc}`, "\0"]),
      ),
    () => Buffer.from(pick("0123456789xgLKSDMNVX\0".split(""))),
  ];
  const value = Buffer.from(pick(values)()).subarray(0, length);
  header.fill(0, start, start + length);
  value.copy(header, start);
  header.fill(" ", 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  return tar;
}

const words = [
  null,
  true,
  -1,
  1e300,
  2 ** 53,
  "",
  "\u0000",
  "../../etc/passwd",
  "sha256:00",
  [],
  {},
  [[]],
  { __proto__: null },
];

/** A document with one of its values replaced, taken away or doubled. */
function mutateJson(document: unknown): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(document));
  const places: [Record<string, unknown>, string][] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      places.push([value as Record<string, unknown>, key]);
      walk(inner);
    }
  };
  walk(copy);
  const [holder, key] = pick(places);
  const kind = upTo(4);
  if (kind === 0) delete holder[key];
  else if (kind === 1) holder[key] = pick(words);
  else if (kind === 2) holder[key] = [holder[key], holder[key]];
  else if (typeof holder[key] === "string") holder[key] = mutateText(holder[key]);
  else holder[key] = pick(words);
  return upTo(50) === 0 ? pick(words) : copy;
}

/** So that a text inside JSON, the record, is reached too. */
function mutateText(text: string): string {
  const at = upTo(text.length);
  return text.slice(0, at) + pick(["", "\0", '"', "}", "0", "\\", "{", "../"]) + text.slice(at + upTo(3));
}

const compressions: readonly ((tar: Buffer) => ForgedLayer)[] = [
  (tar) => ({ stored: tar }),
  (tar) => ({ stored: gzipSync(tar), tar, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }),
  (tar) => ({ stored: zstdCompressSync(tar), tar, mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" }),
];

/** What an image is in the end: an image that is found to be sound must be this one. */
const identityOf = ({ images }: VerifyResult): string =>
  images
    .map(({ imageId, layers }) => `${imageId} ${layers.map(({ diffId }) => diffId).join(" ")}`)
    .join("\n");

/** What an archive is found to be as a file, it is in one pass too, however its bytes come. */
async function expectSame(archive: Buffer, result: VerifyResult): Promise<void> {
  const stream = Readable.from(cut(archive, pick([511, 512, 4096, 65_536])), { objectMode: true });
  const streamed = await verify({ image: result.image, stream, environment });
  const codes = ({ findings }: VerifyResult): string[] => findings.map(({ code }) => code).toSorted();
  expect(codes(streamed)).toEqual(codes(result));
  expect(identityOf(streamed)).toBe(identityOf(result));
}

const whole = toArchive(forgeFiles(layers, options));

const campaigns: Record<
  string,
  { readonly make: () => ReadonlyMap<string, Buffer> | Buffer; readonly sameIfSound: boolean }
> = {
  "an archive's bytes": { make: () => mutate(whole), sameIfSound: true },
  "a layout's files": {
    make: () => {
      const files = new Map(forgeFiles(layers, options));
      const name = pick([...files.keys()]);
      files.set(name, mutate(files.get(name) as Buffer));
      return files;
    },
    sameIfSound: true,
  },
  "compressed bytes": {
    make: () => {
      const compress = pick(compressions.slice(1));
      return toArchive(
        forgeFiles(
          layers.map(({ stored }) => {
            const layer = compress(stored);
            return { ...layer, stored: mutate(layer.stored) };
          }),
          options,
        ),
      );
    },
    sameIfSound: true,
  },
  "a layer's tar, its digests right": {
    make: () => {
      const at = upTo(layers.length);
      const changed = layers.map(({ stored }, index) =>
        pick(compressions)(index === at ? mutate(stored) : stored),
      );
      return toArchive(forgeFiles(changed, options));
    },
    sameIfSound: false,
  },
  "documents, their digests right": {
    make: () => {
      const which = pick(["config", "manifest", "index"] as const);
      const change: ForgeOptions = {
        ...options,
        [which]: (document: Record<string, unknown>) => mutateJson(options[which]?.(document) ?? document),
      };
      return toArchive(forgeFiles(layers, change));
    },
    sameIfSound: false,
  },
};

test.each(Object.entries(campaigns))(
  "%s mutated: always a verdict, and none that is sound is another image",
  { timeout: campaignSize({ ci: 120_000, long: 1_800_000 }) },
  async (name, { make, sameIfSound }) => {
    const folder = temporaryFolder();
    const path = join(folder, "image");
    const write = (image: ReadonlyMap<string, Buffer> | Buffer): void => {
      rmSync(path, { recursive: true, force: true });
      if (Buffer.isBuffer(image)) writeFileSync(path, image);
      else writeLayout(path, image);
    };
    write(whole);
    const original = await verify({ image: path, environment });
    expect(original).toMatchObject({ verdict: "self-consistent", findings: [] });
    const expected = identityOf(original);
    const verdicts = { sound: 0, found: 0, refused: 0 };
    const size = campaignSize({ ci: 500, long: 25_000 });
    for (let round = 0; round < size; round++) {
      const image = make();
      write(image);
      try {
        const result = await verify({ image: path, environment });
        if (Buffer.isBuffer(image)) await expectSame(image, result);
        if (result.findings.length > 0) verdicts.found++;
        else {
          verdicts.sound++;
          if (sameIfSound) expect(identityOf(result), `round ${round}`).toBe(expected);
        }
      } catch (error) {
        if (!(error instanceof OciError))
          throw new Error(`round ${round}: ${String(error)}`, { cause: error });
        expect(error.code, error.stack).toBe("image-corrupted");
        verdicts.refused++;
      }
      if (round % 3 === 0) await explain(path, round);
    }
    if (isLong) process.stderr.write(`${name}: ${JSON.stringify(verdicts)}\n`);
    // Most damage is found; what is not lies where nothing is said.
    expect(verdicts.found + verdicts.refused).toBeGreaterThan(size / 2);
  },
);

/** Whoever else reads the image answers too, or refuses it with an error of ours. */
async function explain(image: string, round: number): Promise<void> {
  for (const read of [() => inspect({ image }), () => readImageClosure(image)]) {
    try {
      await read();
    } catch (error) {
      if (error instanceof OciError || error instanceof NixError || error instanceof CoreError) continue;
      throw new Error(`round ${round}: ${String(error)}`, { cause: error });
    }
  }
}
