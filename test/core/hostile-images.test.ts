import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { CoreError, inspect, inspectFiles, readImageClosure, verify } from "@stowage/core";
import { NixError } from "@stowage/nix";
import { OciError, openImage, parsePlatform, readBase, readContents } from "@stowage/oci";
import { describe, expect, test } from "vitest";
import { forgeFiles, toArchive } from "../support/forge-image.ts";
import {
  good,
  hostileDocuments,
  hostileEntries,
  hostileLayers,
  hostileTars,
  makeBombs,
} from "../support/hostile-images.ts";
import { forgeHeader, forgeMember, forgeTar } from "../support/tar-forge.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** No store is asked: there is none in this place. */
const environment = { NIX_STORE_DIR: "/nowhere/store" };

/** What a base may have that verify finds: what runtimes make of it is the business of who made the base. */
const tolerated = new Set([
  "blob-unreferenced",
  "tar-end",
  "tar-truncated",
  "history-count",
  "entry-type",
  "entry-duplicate",
  "entry-through-link",
  "parent-missing",
  "link-outside",
  "link-missing",
  "whiteout",
]);

/** What is wrong with the file system that layers make together, and not with one of them: `inspect` leaves it to `verify`. */
const ofTheTree = new Set([
  "entry-duplicate",
  "entry-through-link",
  "parent-missing",
  "link-outside",
  "link-missing",
  "whiteout",
]);

/** What an answer is or, where there is none, the code of the error, which is one of ours and has words. */
async function answerOf<T>(read: () => Promise<T>): Promise<{ answer?: T; refusal?: string }> {
  try {
    return { answer: await read() };
  } catch (error) {
    if (!(error instanceof OciError || error instanceof CoreError || error instanceof NixError)) throw error;
    expect(error.message).not.toBe("");
    return { refusal: error.code };
  }
}

async function readAsBase(path: string): Promise<void> {
  await using source = await openImage(path);
  const contents = await readContents(source);
  await using base = await readBase(source, contents, { platform: parsePlatform("linux/amd64") });
  await base.readFile("/etc/motd", { maxBytes: 1000 });
}

/**
 * Everybody who reads images reads one: `inspect` finds what `verify` finds in documents and layers, a base is refused
 * unless what is wrong with it is tolerated, and nobody writes anything.
 * @param unseen what `inspect` does not look at
 */
async function expectRead(
  archive: Buffer,
  unseen: ReadonlySet<string> = ofTheTree,
): Promise<{ codes: string[]; base: string | undefined }> {
  const folder = temporaryFolder();
  const path = join(folder, "image.tar");
  writeFileSync(path, archive);
  const verified = await answerOf(() => verify({ image: path, environment }));
  const inspected = await answerOf(() => inspect({ image: path }));
  expect(inspected.refusal).toBe(verified.refusal);
  const codesOf = (found: { findings: readonly { code: string }[] } | undefined): string[] => [
    ...new Set(found?.findings.map(({ code }) => code)),
  ];
  const codes = codesOf(verified.answer).toSorted();
  expect(codesOf(inspected.answer).toSorted()).toEqual(codes.filter((code) => !unseen.has(code)));
  await answerOf(() => inspectFiles({ image: path }, "0"));
  await answerOf(() => readImageClosure(path));
  const base = await answerOf(() => readAsBase(path));
  expect(readdirSync(folder)).toEqual(["image.tar"]);
  const isWrong = verified.refusal !== undefined || codes.some((code) => !tolerated.has(code));
  expect({ codes, refused: base.refusal !== undefined }).toEqual({ codes, refused: isWrong });
  if (base.refusal !== undefined) expect(base.refusal).toMatch(/^(image-|tar-|platform-)/);
  return { codes: verified.refusal === undefined ? codes : [verified.refusal], base: base.refusal };
}

const imageOf = (tar: Buffer): Buffer => toArchive(forgeFiles([{ stored: tar }]));

describe("hostile images: who explains one finds what verify finds, and who builds on one refuses it", () => {
  test.each(Object.entries(hostileEntries))("an entry: %s", async (title, [members, code]) => {
    // A root that is no directory is none of a tree.
    const unseen = title === "the root as a file" ? new Set([...ofTheTree, code]) : ofTheTree;
    expect((await expectRead(imageOf(forgeTar(...members)), unseen)).codes).toEqual([code]);
  });

  test.each(Object.entries(hostileTars))("a tar: %s", async (_, [tar, code]) => {
    expect(await expectRead(imageOf(tar))).toEqual({ codes: [code], base: "image-corrupted" });
  });

  test.each(Object.entries(hostileLayers))("a layer: %s", async (_, [layer, code]) => {
    const found = await expectRead(toArchive(forgeFiles([layer])));
    expect(found).toEqual({ codes: [code], base: "image-corrupted" });
  });

  test.each(Object.entries(hostileDocuments))("documents: %s", async (_, [options, code]) => {
    expect((await expectRead(toArchive(forgeFiles([{ stored: good }], options)))).codes).toContain(code);
  });

  test.each(Object.entries(makeBombs()))("a bomb: %s", { timeout: 300_000 }, async (title, [tar, code]) => {
    const mediaType = "application/vnd.oci.image.layer.v1.tar+zstd";
    const archive = toArchive(forgeFiles([{ stored: zstdCompressSync(tar), tar, mediaType }]));
    // Names are more than a tree has room for, and no more than a list has.
    const unseen = code === "tar-too-large" && title.includes("names") ? [code] : [];
    const { codes, base } = await expectRead(archive, new Set([...ofTheTree, ...unseen]));
    expect(codes).toContain(code);
    expect(base).toBe("image-corrupted");
  });

  test(
    "a bomb: more pieces of store paths than any closure has, of two in turns",
    { timeout: 300_000 },
    async () => {
      const headers = Buffer.concat(
        Array.from({ length: 100_002 }, (_, at) =>
          forgeHeader({ name: `nix/store/${"01".charAt(at % 2).repeat(32)}-x/${at}` }),
        ),
      );
      const tar = forgeTar(headers);
      const mediaType = "application/vnd.oci.image.layer.v1.tar+zstd";
      const path = join(temporaryFolder(), "image.tar");
      writeFileSync(path, toArchive(forgeFiles([{ stored: zstdCompressSync(tar), tar, mediaType }])));
      const { findings } = await verify({ image: path, environment });
      expect(findings.map(({ code }) => code)).toContain("tar-too-large");
      expect(findings.filter(({ code }) => code === "store-path-split")).toHaveLength(1001);
      expect(findings.at(-1)?.message).toMatch(/^\d+ more like these$/);
    },
  );

  test("an archive cut off at each block", async () => {
    const whole = imageOf(good);
    for (let length = 0; length < whole.length - 1024; length += 512)
      expect((await expectRead(whole.subarray(0, length))).codes).not.toEqual([]);
  });

  test("a member that is there twice, leads out, is a link or a device, or promises a body that never comes", async () => {
    const whole = imageOf(good).subarray(0, -1024);
    for (const member of [
      forgeMember({ name: "index.json" }, "{}"),
      forgeMember({ name: "../evil" }, "x"),
      forgeMember({ name: "/etc/evil" }, "x"),
      forgeMember({ name: "link", type: "2", linkName: "/etc/passwd" }),
      forgeMember({ name: "null", type: "3" }),
      forgeHeader({ name: "blob", size: 8 ** 11 - 1 }),
      forgeHeader({ name: "blob", size: Buffer.alloc(12, 0xff) }),
      forgeHeader({ name: "blob", checksumError: 1 }),
      forgeHeader({ name: "blob", type: "S" }),
    ])
      expect((await expectRead(forgeTar(whole, member))).codes).not.toEqual([]);
  });
});
