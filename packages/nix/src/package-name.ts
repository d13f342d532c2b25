/** A derivation's name taken apart. */
export interface PackageName {
  readonly name: string;
  /** Empty where there is none. */
  readonly version: string;
}

/** A store path's name taken apart, with the output it is. */
export interface OutputName extends PackageName {
  /** `out`, `lib`, `dev`, …; undefined where only a deriver would tell. */
  readonly output: string | undefined;
}

/**
 * Nix's own rule (`builtins.parseDrvName`, Nix 2.34 `src/libexpr/names.cc`): the version starts after the first `-`
 * that something other than a letter follows.
 */
export function parsePackageName(name: string): PackageName {
  const at = name.search(/-(?![a-zA-Z]|$)/);
  return at === -1 ? { name, version: "" } : { name: name.slice(0, at), version: name.slice(at + 1) };
}

/**
 * The package, version and output of a store path: exact where the derivation's name is known, since an output's name
 * is the derivation's with `-<output>` behind it for every output but `out`.
 * @param deriverName the derivation's name without `.drv`
 */
export function parseOutputName(pathName: string, deriverName: string | undefined): OutputName {
  if (deriverName !== undefined && pathName === deriverName)
    return { ...parsePackageName(deriverName), output: "out" };
  if (deriverName !== undefined && pathName.startsWith(`${deriverName}-`)) {
    return { ...parsePackageName(deriverName), output: pathName.slice(deriverName.length + 1) };
  }
  return { ...parsePackageName(pathName), output: undefined };
}
