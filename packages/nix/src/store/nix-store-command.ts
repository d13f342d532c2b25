import { NixError } from "../errors.ts";
import { ProgramFailure, runProgram } from "./run-program.ts";

export interface NixStoreOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

interface QueryOptions extends NixStoreOptions {
  /**
   * Whether the call only reads, so that it may be ended at once: `--dump-db` of 100,000 paths hears SIGTERM no sooner
   * than it is done (4 s).
   */
  readonly onlyReads?: boolean | undefined;
}

/** Bytes of arguments for one call: Linux takes 2 MiB with the environment, of which this is a safe part. */
const ARGUMENT_BYTES = 512 * 1024;

/**
 * Runs `nix-store` and returns what it prints. When aborted, the process is gone before the reason is thrown.
 * @throws NixError `nix-missing`, `store-unavailable`, `path-invalid`, `nix-failed`
 */
export function runNixStore(words: readonly string[], options: QueryOptions): Promise<string> {
  return runNixProgram("nix-store", words, options);
}

/** Runs any of Nix's programs: see {@link runNixStore}. */
export async function runNixProgram(
  program: string,
  words: readonly string[],
  options: QueryOptions,
): Promise<string> {
  try {
    return await runProgram(program, words, {
      env: { ...options.environment, LC_ALL: "C" },
      signal: options.signal,
      killSignal: options.onlyReads === true ? "SIGKILL" : "SIGTERM",
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof ProgramFailure ? explainFailure(error) : error;
  }
}

/** Splits paths into calls whose arguments the system takes; 25,000 paths fit one call at most, so bytes are counted. */
export function batchArguments(paths: readonly string[]): string[][] {
  const batches: string[][] = [];
  let room = 0;
  for (const path of paths) {
    if (room < path.length + 1) {
      batches.push([]);
      room = ARGUMENT_BYTES;
    }
    batches.at(-1)?.push(path);
    room -= path.length + 1;
  }
  return batches;
}

/** What the system lacks for one more process. */
const lacking: Readonly<Record<string, string>> = {
  EMFILE: "too many files are open",
  ENFILE: "too many files are open on this machine",
  EAGAIN: "there are too many processes",
  ENOMEM: "there is not enough memory",
};

function explainFailure(error: ProgramFailure): NixError {
  const cause = error;
  if (error.code === "ENOENT" || error.code === "ENOTDIR") {
    return new NixError("nix-missing", "Nix is not installed here: there is no nix-store on PATH", {
      cause,
      hint: "Install Nix (on Debian: apt-get install nix-bin), or put its bin folder on PATH.",
    });
  }
  if (error.code !== undefined && error.code in lacking) {
    return new NixError("nix-failed", `nix-store cannot be started: ${lacking[error.code]}`, {
      cause,
      hint: "Raise the limit (ulimit), or let other programs end first.",
    });
  }
  if (error.code === "EACCES")
    return new NixError("nix-missing", "nix-store on PATH may not be run: permission denied", { cause });
  const said = errorLines(error.stderr);
  const invalid = /path '([^']+)' is not valid/.exec(said)?.[1];
  if (invalid !== undefined) {
    return new NixError("path-invalid", `${invalid} is not a valid path of the store`, {
      path: invalid,
      cause,
      hint: "Build it again, or check the store with nix-store --verify.",
    });
  }
  if (
    /cannot connect to (socket|daemon)|connection refused|daemon.*(closed|disconnected)|cannot open connection/i.test(
      said,
    )
  ) {
    return new NixError("store-unavailable", `the Nix daemon cannot be reached: ${said}`, {
      cause,
      hint: "Start it (systemctl start nix-daemon), or choose another store with --store.",
    });
  }
  if (
    /permission denied|read-?only|remounting .* writable|unable to open database|cannot open SQLite|database is locked/i.test(
      said,
    )
  ) {
    return new NixError("store-unavailable", `the store's database cannot be read: ${said}`, {
      cause,
      hint: "Use the Nix daemon (NIX_REMOTE=daemon), or run as the store's owner.",
    });
  }
  const status = error.exitCode === undefined ? (error.code ?? "no status") : `exit status ${error.exitCode}`;
  const end = error.signal ?? status;
  return new NixError("nix-failed", `nix-store failed (${end}): ${said === "" ? "it said nothing" : said}`, {
    cause,
  });
}

/** What Nix complains of, without its warnings, on one line. */
function errorLines(stderr: string): string {
  // oxlint-disable-next-line no-control-regex -- Nix colours its errors even where nobody sees colours
  const plain = stderr.replaceAll(/\u001b\[[0-9;]*m/g, "");
  const lines = plain.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("warning:"));
  return lines
    .slice(-3)
    .map((line) => line.trim().replace(/^error: /, ""))
    .join(" ");
}
