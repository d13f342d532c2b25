import { execFile } from "node:child_process";

/** `fortune` did not say anything: it is missing, failed, hung, or printed nothing. */
export class FortuneError extends Error {
  override readonly name = "FortuneError";
}

const TIMEOUT_MILLISECONDS = 5000;
const MAX_BYTES = 64 * 1024;
const COLUMNS = 70;

/** Runs `<program> -s` for a short fortune and wraps it at 70 columns. */
export async function tellFortune(program: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { timeout: TIMEOUT_MILLISECONDS, killSignal: "SIGKILL", maxBuffer: MAX_BYTES } as const;
  const child = execFile(program, ["-s"], options, (error, stdout) => {
    if (error === null) resolve(stdout);
    else reject(new FortuneError(`${program} did not tell a fortune: ${explain(error)}`));
  });
  child.stdin?.end();
  const fortune = wrap((await promise).trim(), COLUMNS);
  if (fortune === "") throw new FortuneError(`${program} told nothing`);
  return fortune;
}

/** Breaks lines that are longer than `columns` at white space; a longer word stays whole. */
export function wrap(text: string, columns: number): string {
  return text
    .split("\n")
    .flatMap((line) => wrapLine(line, columns))
    .join("\n");
}

function wrapLine(line: string, columns: number): string[] {
  if (line.length <= columns) return [line.trimEnd()];
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(/\s+/).filter((part) => part !== "")) {
    if (current !== "" && current.length + 1 + word.length > columns) {
      lines.push(current);
      current = word;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}

function explain(error: {
  readonly killed?: boolean;
  readonly code?: unknown;
  readonly message: string;
}): string {
  if (error.code === "ENOENT") return "there is no such program";
  if (error.killed) return "it took too long or said too much";
  return typeof error.code === "number" ? `it ended with status ${error.code}` : error.message;
}
