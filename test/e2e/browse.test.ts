// oxlint-disable no-control-regex -- what a terminal is sent is what this is about
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { registrationOf, writeClosure } from "../support/closure-files.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowageWords } from "../support/stowage.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { Terminal } from "../support/tmux.ts";

const ready = requirePrograms("tmux", "stty", "pkill");

const references = {
  "app-1.0": ["python-3.11", "curl-8.4"],
  "python-3.11": ["openssl-3.0", "glibc-2.38"],
  "curl-8.4": ["openssl-3.0", "glibc-2.38"],
  "openssl-3.0": ["glibc-2.38"],
  "glibc-2.38": [],
};
const sizes = {
  "app-1.0": 10,
  "python-3.11": 5000,
  "curl-8.4": 4000,
  "openssl-3.0": 300,
  "glibc-2.38": 90_000,
};

const folder = mkdtempSync(join(tmpdir(), "stowage-browse-"));
afterAll(() => removeFolder(folder));
const file = writeClosure(folder, "closure.txt", registrationOf(references, sizes));
const line = `${stowageWords.join(" ")} browse --graph ${file}`;
/** What the shell prints is written in two parts here, so that what was typed is not taken for it. */
const withStatus = `${line}; echo "sta""tus $?"`;

async function browsing(
  options: ConstructorParameters<typeof Terminal>[0] = {},
  typed: string = withStatus,
): Promise<Terminal> {
  const terminal = new Terminal(options);
  terminal.run("echo be''fore");
  await terminal.see((screen) => screen.includes("before"));
  terminal.run(typed);
  await terminal.see((screen) => screen.includes("> ") && screen.includes("? help"));
  return terminal;
}

/** The terminal is as it was before, and the shell says what the status was. */
async function left(terminal: Terminal, status: number): Promise<string> {
  const screen = (await terminal.see((text) => /status \d/.test(text))).join("\n");
  expect(screen).toContain("before");
  expect(screen).toContain(`status ${status}`);
  expect(screen).not.toContain("? help");
  terminal.run("clear; stty -a; echo ea''sy");
  const modes = (await terminal.see((text) => text.includes("easy"))).join(" ");
  for (const mode of ["icanon", "isig", "echo", "icrnl", "opost"])
    expect(modes).toMatch(new RegExp(`(^| )${mode}\\b`));
  expect([terminal.ask("alternate_on"), terminal.ask("cursor_flag"), terminal.ask("wrap_flag")]).toEqual([
    "0",
    "1",
    "1",
  ]);
  return screen;
}

describe.skipIf(!ready)("browse, in a real terminal", () => {
  test("keys walk through the tree; q leaves", async () => {
    using terminal = await browsing();
    const lines = terminal.screen();
    expect(lines.slice(0, 5)).toEqual([
      "app-1.0: 5 paths, 97.0 KiB, by added size",
      "       added        NAR    closure  path",
      ">   97.0 KiB       10 B   97.0 KiB ▾ app-1.0",
      "     4.9 KiB    4.9 KiB   93.1 KiB ├─▸ python-3.11",
      "     3.9 KiB    3.9 KiB   92.1 KiB └─▸ curl-8.4",
    ]);
    terminal.press("Down", "Right");
    await terminal.see((screen) => /^> .*├─▾ python-3\.11$[^]*│ {2}├─ {2}glibc-2\.38$/m.test(screen));
    terminal.press("/");
    terminal.type("ssl");
    await terminal.see((screen) => screen.startsWith("1 path with ssl") && screen.includes("/ssl_"));
    terminal.press("Enter");
    await terminal.see((screen) => /^> .*─▸ openssl-3\.0$/m.test(screen));
    terminal.press("w");
    await terminal.see((screen) => screen.startsWith("2 chains to openssl-3.0"));
    terminal.press("Escape");
    await terminal.see((screen) => screen.startsWith("app-1.0:"));
    terminal.press("r", "Down", "Enter");
    await terminal.see((screen) => /^> .*─. curl-8\.4$/m.test(screen) && screen.startsWith("app-1.0:"));
    terminal.press("?");
    await terminal.see((screen) => screen.startsWith("Keys"));
    terminal.press("q");
    await terminal.see((screen) => screen.startsWith("app-1.0:"));
    terminal.press("q");
    await left(terminal, 0);
  });

  test("it follows the terminal's size, however small", async () => {
    using terminal = await browsing();
    for (const [columns, rows] of [
      [40, 10],
      [8, 3],
      [3, 1],
    ] as const) {
      terminal.resize(columns, rows);
      await terminal.see((screen) => screen.includes(">") && !screen.includes("q quit"));
    }
    terminal.resize(120, 30);
    const lines = await terminal.see((screen) => screen.includes("? help  → open"));
    expect(lines[2]).toBe(">   97.0 KiB       10 B   97.0 KiB ▾ app-1.0");
    expect(lines[29]).toMatch(/^\? help {2}→ open/);
    terminal.press("q");
    await left(terminal, 0);
  });

  test("wide characters that are typed move nothing", async () => {
    using terminal = await browsing({ columns: 40, rows: 12 });
    terminal.press("/");
    terminal.type("日本語日本語日本語日本語日本語日本語日本語");
    const lines = await terminal.see((screen) => /本語_$/m.test(screen));
    expect(lines[11]).toMatch(/^\/.*日本語_$/);
    expect(lines[0]).toMatch(/^0 paths with 日本/);
    terminal.press("C-c");
    await left(terminal, 130);
  });

  test.each([
    ["Ctrl-C", (terminal: Terminal) => terminal.press("C-c"), 130, "stopped by SIGINT"],
    ["SIGTERM", () => signal("TERM"), 143, "stopped by SIGTERM"],
    ["a crash", () => signal("USR2"), 1, "Error: the sky falls"],
  ] as const)("%s leaves the terminal as it was", async (_, end, status, said) => {
    const crash = "data:text/javascript,process.on('SIGUSR2',()=>{throw(new(Error)('the%20sky%20falls'))})";
    using terminal = await browsing({ rows: 40, env: { NODE_OPTIONS: `--import=${crash}` } });
    end(terminal);
    expect(await left(terminal, status)).toContain(said);
  });

  test("Ctrl-Z gives the terminal back, fg comes back", async () => {
    using terminal = await browsing({ rows: 30 }, line);
    terminal.press("Down");
    await terminal.see((screen) => /^> .*python/m.test(screen));
    for (const stop of [() => terminal.press("C-z"), () => signal("TSTP")]) {
      stop();
      await terminal.see((screen) => screen.includes("before") && screen.includes("Stopped"));
      expect([terminal.ask("alternate_on"), terminal.ask("cursor_flag")]).toEqual(["0", "1"]);
      terminal.resize(90, 28);
      terminal.run(`clear; echo be''fore; fg; echo "sta""tus $?"`);
      const lines = await terminal.see((screen) => /^> .*python/m.test(screen) && screen.includes("? help"));
      expect(lines[27]).toMatch(/^\? help/);
      terminal.press("Up", "Down");
      await terminal.see((screen) => /^> .*python/m.test(screen));
    }
    terminal.press("q");
    await left(terminal, 0);
  });

  test("colour, and none with NO_COLOR", async () => {
    using terminal = await browsing();
    expect(terminal.screen(true).join("\n")).toMatch(/\u001b\[(?:\d+;)*7m[^>]*> /);
    using grey = await browsing({ env: { NO_COLOR: "1" } });
    expect(grey.screen(true).join("\n")).not.toContain("\u001b");
  });
});

/** Sends a signal to the browsing process, by what its words end with. */
function signal(name: string): void {
  execFileSync("pkill", [`-${name}`, "-f", `^${stowageWords[0]} .* browse --graph ${file}$`]);
}
