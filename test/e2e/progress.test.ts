import { mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, describe, expect, test } from "vitest";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { Terminal } from "../support/tmux.ts";

const ready = requirePrograms("tmux", "stty", "mkfifo", "nix-store");

describe.skipIf(!ready)("progress, in a real terminal", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-progress-"));
  afterAll(() => removeFolder(folder));

  /** A pack that stands still in the middle, as nobody reads what it writes. */
  async function standingStill(): Promise<Terminal> {
    const url = `local?root=${folder}/root`;
    const data = join(folder, "data-1.0");
    writeFileSync(data, Buffer.alloc(4 << 20, "text"));
    const added = await execa("nix-store", ["--store", url, "--add", data], { env: nixEnvironment });
    const terminal = new Terminal({ columns: 80, rows: 20 });
    terminal.run("echo be''fore; mkfifo out; exec 3<>out");
    await terminal.see((screen) => screen.includes("before"));
    // What is cleared at the very top tmux would keep above the screen.
    const words = ["pack", added.stdout, "--store", `'${url}'`, "--platform", "linux/amd64", "-o", "out"];
    terminal.run(
      `clear; printf '\\n\\n\\n\\n\\n\\nbe''fore\\n'; ${[...stowageWords, ...words].join(" ")}; echo "sta""tus $?"`,
    );
    await terminal.see((screen) => /^packing \d+% /m.test(screen));
    return terminal;
  }

  test("one line, also when the terminal becomes smaller and larger; Ctrl-C leaves it clean", async () => {
    using terminal = await standingStill();
    for (const columns of [24, 60, 15, 80]) {
      terminal.resize(columns, 20);
      // tmux scrolls where a line needs more rows.
      await terminal.see(
        (text) => /^before\npacking \d+%[^\n]*$/.test(text) && (text.split("\n")[1]?.length ?? 0) < columns,
        () => terminal.everything().slice(-2),
      );
      expect(terminal.everything().filter((line) => line.startsWith("pack"))).toHaveLength(1);
    }
    terminal.press("C-c");
    const lines = await terminal.see((screen) => screen.includes("status"));
    expect(lines.filter((line) => line !== "").slice(0, 3)).toEqual([
      "before",
      "stowage: stopped by SIGINT",
      "status 130",
    ]);
    terminal.run("clear; stty -a; echo ea''sy");
    const modes = (await terminal.see((text) => text.includes("easy"))).join(" ");
    for (const mode of ["icanon", "isig", "echo"]) expect(modes).toMatch(new RegExp(`(^| )${mode}\\b`));
  });

  test("Ctrl-Z stops it and fg goes on", async () => {
    using terminal = await standingStill();
    terminal.press("C-z");
    await terminal.see((screen) => screen.includes("Stopped"));
    // The shell's own descriptor is a reader again; cat must not have it, or it would wait for itself.
    terminal.run(`cat <out 3>&- >${folder}/image.tar & fg`);
    await terminal.see((screen) => screen.includes("packed data:latest"));
    const image = join(folder, "image.tar");
    expect(readdirSync(folder)).toContain("image.tar");
    await expect.poll(() => statSync(image).size).toBeGreaterThan(4 << 20);
  });
});

test("in a CI a short job says nothing of its progress", async () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-progress-"));
  writeFileSync(join(folder, "x"), "");
  const { stderr } = await stowage(["verify", join(folder, "x")], { env: { ...process.env, CI: "true" } });
  expect(stderr).not.toMatch(/%/);
  removeFolder(folder);
});
