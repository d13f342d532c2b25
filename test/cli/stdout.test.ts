import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, describe, expect, test } from "vitest";
import { registrationOf, writeClosure } from "../support/closure-files.ts";
import { stowageWords } from "../support/stowage.ts";
import { removeFolder } from "../support/temporary-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "stowage-stdout-"));
afterAll(() => removeFolder(folder));
const closure = writeClosure(folder, "closure.txt", registrationOf({ "app-1.0": [] }, { "app-1.0": 1024 }));
/** No Nix anywhere. */
const env = { PATH: "/usr/bin:/bin", HOME: "/nowhere" };

/** Runs the command where a shell has redirected something; says its own exit status. */
async function run(words: readonly string[], redirect: string): Promise<{ status: string; said: string }> {
  const script = `exec 3>&1; ${redirect}; "$@"; echo $? >&3`;
  const { stdout, stderr } = await execa("sh", ["-c", script, "sh", ...stowageWords, ...words], {
    cwd: folder,
    env,
    extendEnv: false,
    reject: false,
  });
  return { status: stdout, said: stderr };
}

/** A pipe that nobody reads from, though it could be opened. */
const deaf = "rm -f fifo; mkfifo fifo; exec 5<>fifo 1>fifo 5<&-";

const verbs: readonly (readonly string[])[] = [
  ["--version"],
  ["--help"],
  ["ls", "--graph", closure],
  ["ls", "--graph", closure, "--json"],
];

describe("stdout", () => {
  test.each(verbs)("that is full: exit status 4, and words: %j", async (...words) => {
    expect(await run(words, "exec 1>/dev/full")).toEqual({
      status: "4",
      said: "stowage: cannot write to stdout: no space left on device\n  Free some space there, or let it go elsewhere.",
    });
  });

  test.each(verbs)("whose reader has had enough is no failure: %j", async (...words) => {
    expect(await run(words, deaf)).toEqual({ status: "0", said: "" });
  });
});

describe("stderr that takes nothing changes neither what is done nor the exit status", () => {
  test.each<[string, readonly string[]]>([
    ["0", ["ls", "--graph", closure]],
    ["2", ["ls", "--no-such-option"]],
    ["3", ["-v", "ls", "/nowhere/at/all"]],
  ])("%s: %j", async (status, words) => {
    expect(await run(words, "exec 1>/dev/null 2>/dev/full")).toEqual({ status, said: "" });
  });
});
