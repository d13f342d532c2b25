import {
  parseOutputName,
  storePathBaseName,
  storePathName,
  type PathInfo,
  type StorePath,
} from "@stowage/nix";

/** Which package a store path is. */
export interface Package {
  readonly name: string;
  /** Empty where there is none. */
  readonly version: string;
  /** `out`, `lib`, `dev`, …; undefined where only a deriver would tell. */
  readonly output: string | undefined;
}

/** Exact where the path's deriver is known, by Nix's rule for names otherwise. */
export function packageOf(info: Pick<PathInfo, "path" | "deriver">): Package {
  return parseOutputName(storePathName(info.path), derivationName(info.deriver));
}

/** `hello-2.12` of `/nix/store/…-hello-2.12.drv`. */
function derivationName(deriver: string | undefined): string | undefined {
  if (deriver === undefined || !deriver.endsWith(".drv")) return undefined;
  return storePathName(storePathBaseName(deriver as StorePath) as StorePath).slice(0, -".drv".length);
}

/** The outputs that packages of nixpkgs commonly have besides `out`. */
const usualOutputs: ReadonlySet<string> = new Set(
  (
    "bin data debug dev devdoc devman dist doc examples getent info lib libgcc man modules py static terminfo " +
    "tex"
  ).split(" "),
);

/** A package with its output, exact or guessed. */
export interface ComparablePackage extends Package {
  readonly output: string;
}

/**
 * A reader that makes paths of one package comparable: `openssl-3.0.7-dev` is the output `dev` of `openssl` 3.0.7,
 * whether its own deriver is known or not. What the deriver of any path says holds for all that have the same name, or
 * the same package and output; where none says anything, the output is a guess by the names that nixpkgs uses.
 */
export function packageReader(infos: Iterable<PathInfo>): (info: PathInfo) => ComparablePackage {
  const exact = new Map<string, ComparablePackage>();
  const outputs = new Map<string, Set<string>>();
  for (const info of infos) {
    const { name, version, output } = packageOf(info);
    if (output === undefined) continue;
    exact.set(storePathName(info.path), { name, version, output });
    outputs.set(name, (outputs.get(name) ?? new Set()).add(output));
  }
  return (info) => {
    const { name, version, output } = packageOf(info);
    if (output !== undefined) return { name, version, output };
    return exact.get(storePathName(info.path)) ?? guessOutput(name, version, outputs);
  };
}

function guessOutput(
  name: string,
  version: string,
  outputs: ReadonlyMap<string, ReadonlySet<string>>,
): ComparablePackage {
  const whole = version === "" ? name : version;
  const at = whole.lastIndexOf("-");
  const [stem, suffix] = [whole.slice(0, at), whole.slice(at + 1)];
  const known = outputs.get(version === "" ? stem : name)?.has(suffix) === true;
  if (at < 1 || (!known && !usualOutputs.has(suffix))) return { name, version, output: "out" };
  return version === "" ? { name: stem, version, output: suffix } : { name, version: stem, output: suffix };
}
