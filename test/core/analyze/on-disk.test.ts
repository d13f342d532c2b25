import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { measureOnDisk } from "@stowage/core";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** What du(1) says, which counts hard links once for all its arguments. */
function du(...paths: readonly string[]): number {
  const lines = execFileSync("du", ["--block-size=1", "--summarize", "--total", ...paths], {
    encoding: "utf8",
  });
  return Number(lines.trim().split("\n").at(-1)?.split("\t")[0]);
}

describe("size on disk", () => {
  test("is what du says, hard links counted once within a path and once over all", async () => {
    const folder = temporaryFolder();
    const [one, other] = [join(folder, "one"), join(folder, "other")];
    mkdirSync(join(one, "deep/er"), { recursive: true });
    mkdirSync(other);
    writeFileSync(join(one, "deep/er/file"), Buffer.alloc(300_000, 1));
    linkSync(join(one, "deep/er/file"), join(one, "again"));
    linkSync(join(one, "deep/er/file"), join(other, "shared"));
    writeFileSync(join(other, "own"), Buffer.alloc(50_000, 1));
    symlinkSync("x".repeat(200), join(other, "link"));
    execFileSync("sh", ["-c", `: > "$(printf 'name\\377')"`], { cwd: other });

    const { sizes, total } = await measureOnDisk([{ directory: one }, { directory: other }]);
    expect(sizes).toEqual([du(one), du(other)]);
    expect(total).toBe(du(one, other));
    expect(total).toBeLessThan(sizes[0]! + sizes[1]! - 299_000);
  });

  test("a path that is not there says so", async () => {
    const directory = join(temporaryFolder(), "gone");
    await expect(measureOnDisk([{ directory }])).rejects.toThrow(
      expect.objectContaining({ code: "path-unreadable", path: directory }),
    );
  });
});
