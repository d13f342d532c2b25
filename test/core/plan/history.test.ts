import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plan } from "@stowage/core";
import { registrationOf, writeClosure } from "../../support/closure-files.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

interface Release {
  readonly app: string;
  readonly tool: string;
  readonly lib: string;
  /** Hash parts follow names: another build of the same version has another suffix that is no version. */
  readonly build?: string;
}

/** A closure in which everything refers to what is below it. */
function closure({ app, tool, lib }: Release): string {
  return registrationOf(
    {
      [`app-${app}`]: [`tool-${tool}`, "data-1"],
      [`tool-${tool}`]: [`lib-${lib}`],
      [`lib-${lib}`]: [],
      "data-1": [],
    },
    { [`app-${app}`]: 9000, [`tool-${tool}`]: 20 << 20, [`lib-${lib}`]: 30 << 20, "data-1": 2 << 20 },
  );
}

describe("what earlier releases teach", () => {
  test("counts what changed by itself, release by release, oldest first", async () => {
    const folder = temporaryFolder();
    const releases = [
      { app: "1", tool: "1", lib: "1" },
      { app: "2", tool: "1", lib: "1" },
      { app: "3", tool: "2", lib: "1" },
      { app: "3", tool: "2", lib: "1" },
    ].map((release, index) => writeClosure(folder, `${index}.txt`, closure(release)));
    const { history } = await plan({
      targets: [],
      text: closure({ app: "4", tool: "2", lib: "1" }),
      history: releases,
    });
    expect(history).toEqual({ releases: 3, changes: { app: 3, tool: 1 } });
  });

  test("what only follows is not counted", async () => {
    const folder = temporaryFolder();
    // The same name and version of app and tool, built with another lib: their paths differ by their references.
    const text = (lib: string): string =>
      closure({ app: "1", tool: "1", lib }).replaceAll(
        /(?<=\/nix\/store\/)\w{4}(?=\w{28}-(app|tool)-1)/g,
        lib.padStart(4, "0"),
      );
    const before = writeClosure(folder, "before.txt", text("1"));
    const { history, upgrade } = await plan({ targets: [], text: text("2"), history: [before] });
    expect(history).toEqual({ releases: 1, changes: { lib: 1 } });
    expect(upgrade).toBeUndefined();
  });

  test("a history document adds, a plan file says all that was known before it", async () => {
    const folder = temporaryFolder();
    const counted = join(folder, "history.json");
    writeFileSync(
      counted,
      JSON.stringify({ schemaVersion: 1, history: { releases: 10, changes: { tool: 4 } } }),
    );
    const first = await plan({
      targets: [],
      text: closure({ app: "1", tool: "1", lib: "1" }),
      history: [counted],
    });
    expect(first.history).toEqual({ releases: 10, changes: { tool: 4 } });
    const planFile = join(folder, "plan.json");
    writeFileSync(planFile, JSON.stringify({ schemaVersion: 1, ...first }));
    const next = { targets: [], text: closure({ app: "2", tool: "1", lib: "1" }) };
    for (const history of [[planFile], [counted, planFile]]) {
      expect((await plan({ ...next, history })).history).toEqual({
        releases: 11,
        changes: { app: 1, tool: 4 },
      });
    }
  });

  test.each([
    ["a count that is none", { releases: 3, changes: { tool: -1 } }, /changes of tool is not a whole number/],
    ["no changes", { releases: 3 }, /changes is not an object/],
    ["no object", [], /history is not an object/],
  ])("%s is an error that names the file", async (_, history, message) => {
    const file = join(temporaryFolder(), "history.json");
    writeFileSync(file, JSON.stringify({ schemaVersion: 1, history }));
    const request = { targets: [], text: closure({ app: "1", tool: "1", lib: "1" }), history: [file] };
    await expect(plan(request)).rejects.toMatchObject({ code: "plan-invalid", path: file });
    await expect(plan(request)).rejects.toThrow(message);
  });
});
