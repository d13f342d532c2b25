import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, test } from "vitest";
import { repository } from "../support/repository.ts";
import { stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const commands = "packages/cli/src/commands";

/** Writes down each file that is loaded as a module. */
const hooks = `import { registerHooks } from "node:module";
import { appendFileSync } from "node:fs";
registerHooks({
  load(url, context, next) {
    if (url.startsWith("file:")) appendFileSync(process.env.LOADED_FILE, url + "\\n");
    return next(url, context);
  },
});`;

test("the version is known without loading anything but what prints it", async () => {
  expect(await loadedBy("--version")).toEqual(["packages/cli/src/main.ts", "packages/cli/src/stdout.ts"]);
});

test("a verb's words are read without another verb and without any of the other packages", async () => {
  const loaded = await loadedBy("ls", "--help");
  expect(loaded).toContain(`${commands}/ls.ts`);
  for (const verb of ["pack", "why", "verify", "push"])
    expect(loaded).not.toContain(`${commands}/${verb}.ts`);
  expect(loaded.filter((file) => /^packages\/(core|nix|oci)\//.test(file))).toEqual([]);
});

test("the verb is found behind options, and all are there for who asks for help or mistypes one", async () => {
  expect(await loadedBy("--color", "never", "-q", "why", "--help")).not.toContain(`${commands}/pack.ts`);
  for (const words of [["--help"], ["help", "ls"], ["pakc"], ["--color", "ls"]]) {
    expect(await loadedBy(...words)).toEqual(
      expect.arrayContaining([`${commands}/pack.ts`, `${commands}/ls.ts`]),
    );
  }
});

test("a verb that sends nothing loads no HTTP client, and only sbom the library for it", async () => {
  const loaded = await loadedBy("ls", "/nowhere/at/all");
  expect(loaded).toContain("packages/core/src/index.ts");
  expect(loaded.filter((file) => /undici|cyclonedx/.test(file))).toEqual([]);
});

/** The files that a run of the command loads as modules, relative to the repository. */
async function loadedBy(...words: string[]): Promise<string[]> {
  const folder = temporaryFolder();
  const hooksFile = join(folder, "hooks.mjs");
  const list = join(folder, "loaded");
  writeFileSync(hooksFile, hooks);
  const [program = "", ...rest] = stowageWords;
  await execa(program, ["--import", hooksFile, ...rest, ...words], {
    reject: false,
    env: { LOADED_FILE: list },
  });
  const loaded = existsSync(list) ? readFileSync(list, "utf8").trimEnd().split("\n") : [];
  return loaded.map((url) => relative(repository, fileURLToPath(url)));
}
