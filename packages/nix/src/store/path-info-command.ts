import { execa, ExecaError } from "execa";
import { parseClosureText } from "../closure-text/parse-closure-text.ts";
import { NixError } from "../errors.ts";
import type { PathInfo } from "../path-info.ts";
import type { StorePath } from "../store-path.ts";
import { batchArguments, type NixStoreOptions } from "./nix-store-command.ts";
import type { StoreLocation } from "./store-location.ts";

/** What makes `nix` say it: no setting of the machine is needed, and nothing is asked of the network. */
const settings = [
  "--extra-experimental-features",
  "nix-command",
  "--offline",
  "--option",
  "substitute",
  "false",
];

/**
 * What the store knows of all that the roots need, from one `nix path-info --json --recursive`: half the time of
 * `nix-store -qR` and `--dump-db` after it (0.6 s in place of 1.0 s for 12,000 paths with Nix 2.8).
 * @returns undefined where this Nix does not say it, whatever the reason: `nix-store` then gives the answer or the error
 */
export async function queryPathInfos(
  roots: readonly StorePath[],
  location: StoreLocation,
  options: NixStoreOptions,
): Promise<PathInfo[] | undefined> {
  const [batch, ...more] = batchArguments(roots);
  if (batch === undefined || more.length > 0) return undefined;
  try {
    const words = ["path-info", ...settings, ...location.arguments, "--json", "--recursive", ...batch];
    const { stdout } = await execa("nix", words, {
      env: { ...options.environment, LC_ALL: "C" },
      extendEnv: false,
      stdin: "ignore",
      maxBuffer: 1 << 30,
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    });
    return readInfos(stdout, location.storeDir);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof ExecaError || error instanceof NixError) return undefined;
    throw error;
  }
}

function readInfos(printed: string, storeDir: string): PathInfo[] | undefined {
  const text = parseClosureText(printed);
  if (text.storeDir !== storeDir) return undefined;
  const infos = text.paths.flatMap(({ path, references, deriver, nar }): PathInfo[] =>
    nar === undefined
      ? []
      : [
          {
            path,
            references,
            narHash: nar.hash,
            narSize: nar.size,
            ...(deriver === undefined ? {} : { deriver }),
          },
        ],
  );
  return infos.length === text.paths.length ? infos : undefined;
}
