import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";

/** How long the screen may take to show what is waited for, in milliseconds. */
const PATIENCE = 60_000;

/** A real terminal, with a shell in it that prints what a command line's status was. */
export class Terminal implements Disposable {
  readonly #socket: string;
  readonly #environment: NodeJS.ProcessEnv;
  #isGone = false;

  constructor({
    columns = 100,
    rows = 24,
    env = {},
  }: { readonly columns?: number; readonly rows?: number; readonly env?: NodeJS.ProcessEnv } = {}) {
    const folder = temporaryFolder();
    this.#socket = `${folder}/tmux`;
    this.#environment = { ...process.env, LC_ALL: "C.UTF-8", TMUX: undefined, PS1: "$ ", ENV: "", ...env };
    this.#tmux("-u", "new-session", "-d", "-x", String(columns), "-y", String(rows), "-c", folder, "sh");
    // Also where a test fails before it holds the terminal.
    onTestFinished(() => this[Symbol.dispose]());
  }

  /** What is on the screen, as lines without spaces at their ends; with colours where that is asked for. */
  screen(withColours = false): string[] {
    const text = this.#tmux("capture-pane", "-p", ...(withColours ? ["-e"] : []));
    return text.split("\n").slice(0, -1);
  }

  /** The screen with what has left it at the top, without empty lines. */
  everything(): string[] {
    return this.#tmux("capture-pane", "-p", "-S", "-")
      .split("\n")
      .filter((line) => line !== "");
  }

  /** Types a line and Enter. */
  run(line: string): void {
    this.type(line);
    this.press("Enter");
  }

  type(text: string): void {
    this.#tmux("send-keys", "-l", text);
  }

  /** Presses keys as tmux names them: `Down`, `C-c`, `Escape`, `q`. */
  press(...keys: string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  resize(columns: number, rows: number): void {
    this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** One of tmux's own variables: `alternate_on`, `cursor_flag`, `wrap_flag`. */
  ask(variable: string): string {
    return this.#tmux("display-message", "-p", `#{${variable}}`).trim();
  }

  /** Waits for the screen to be so; tells what it was instead. */
  async see(isSo: (screen: string) => boolean, read = () => this.screen()): Promise<string[]> {
    const end = performance.now() + PATIENCE;
    for (;;) {
      const lines = read();
      if (isSo(lines.join("\n"))) return lines;
      if (performance.now() > end) throw new Error(`never ${isSo.toString()}:\n${lines.join("\n")}`);
      await sleep(20);
    }
  }

  [Symbol.dispose](): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#tmux("kill-server");
  }

  #tmux(...words: string[]): string {
    return execFileSync("tmux", ["-S", this.#socket, "-f", "/dev/null", ...words], {
      env: this.#environment,
      encoding: "utf8",
    });
  }
}
