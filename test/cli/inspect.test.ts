import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { forgeFiles, toArchive, writeLayout } from "../support/forge-image.ts";
import { validate } from "../support/schema.ts";
import { smallStoreImage } from "../support/small-store-image.ts";
import { stowage } from "../support/stowage.ts";
import { forgeMember, forgeTar } from "../support/tar-forge.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const env = { PATH: "/nowhere", HOME: "/nowhere" };
const run = (...words: string[]) => stowage(words, { env, extendEnv: false } as never);

const { layers, options } = smallStoreImage([
  { baseName: `${"0".repeat(31)}1-hello-1`, files: { "bin/hello": "hello" } },
]);
const wasteful = [
  ...layers,
  {
    stored: forgeTar(
      forgeMember({ name: "etc/passwd" }, "root\u001b[2J"),
      forgeMember({ name: "a\u001b[2J" }, "root"),
    ),
  },
];
/** Written anew for each test. */
function writeArchive(): string {
  const archive = join(temporaryFolder(), "image.tar");
  const config = (given: Record<string, unknown>): unknown => ({
    ...given,
    config: { Entrypoint: ["/bin/\u001b[2J"] },
  });
  writeFileSync(archive, toArchive(forgeFiles(wasteful, { config })));
  return archive;
}

test("for people: what it is, its layers, its waste; names send no control characters", async () => {
  const archive = writeArchive();
  const { stdout, stderr, exitCode } = await run("inspect", archive);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(stdout).toMatch(/^sha256:[0-9a-f]{64} {2}linux\/amd64, .* stored, .* plain\n/);
  expect(stdout).toContain("hello-1");
  expect(stdout).toContain("3 layers, 1 store path of 1 package, ");
  expect(stdout).toMatch(/efficiency \d+\.\d %: 4 B of \d+ B are hidden by layers above/);
  expect(stdout).toMatch(/ 4 B +1 +overwritten in 2 +\/etc\/passwd$/);
  expect(stdout).not.toContain("\u001b");
  const listed = await run("inspect", archive, "--layers");
  expect(listed.stdout).toContain("/nix/store/00000000000000000000000000000001-hello-1");
  const files = await run("inspect", archive, "--files", "2");
  expect(files.stdout).toMatch(/^mode +owner +size +file\n-rw-r--r-- +0:0 +8 B +\/etc\/passwd\n/);
  expect(files.stdout).toContain(String.raw`/a\x1b[2J`);
});

test("as JSON, whole", async () => {
  const archive = writeArchive();
  const { stdout } = await run("inspect", archive, "--json", "--limit", "0");
  expect(validate("inspect", stdout)).toMatchObject({
    form: "archive",
    images: [{ totals: { storePaths: 1 } }],
  });
  const files = await run("inspect", archive, "--files", "0", "--json");
  expect(validate("inspect", files.stdout)).toMatchObject({ layer: 0 });
});

test("something wrong with it: exit status 1, and a word on stderr", async () => {
  const layout = join(temporaryFolder(), "layout");
  mkdirSync(layout);
  const files = forgeFiles(layers, options);
  const layer = [...files.keys()].find((name) => name.startsWith("blobs/")) as string;
  files.set(layer, (files.get(layer) as Buffer).subarray(0, 700));
  writeLayout(layout, files);
  const { exitCode, stderr, stdout } = await run("inspect", layout, "--json");
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^stowage: warning: layer 0: /);
  validate("inspect", stdout);
});

test("words that cannot be meant, and what is no image", async () => {
  const archive = writeArchive();
  const answers = [
    [["inspect"], 2, "missing required argument"],
    [["inspect", ""], 2, "the image's name is empty"],
    [["inspect", archive, "--layers", "--files", "0"], 2, "two different answers"],
    [["inspect", archive, "--files", "9"], 3, "has no layer 9"],
    [["inspect", "/nowhere.tar"], 3, "there is no '/nowhere.tar'"],
    [["inspect", "/dev/null"], 3, "is not an image"],
  ] as const;
  for (const [words, status, text] of answers) {
    const { exitCode, stderr } = await run(...words);
    expect({ words, exitCode }).toEqual({ words, exitCode: status });
    expect(stderr).toContain(text);
  }
});
