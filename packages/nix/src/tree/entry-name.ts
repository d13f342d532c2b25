/** Longest name of a directory's entry, in bytes (Nix 2.34, `src/libutil/archive.cc`; Linux's NAME_MAX). */
export const MAX_NAME_BYTES = 255;
/** Longest target of a symlink, in bytes (Nix 2.34, `src/libutil/archive.cc`; Linux's PATH_MAX without its NUL). */
export const MAX_TARGET_BYTES = 4095;

const SLASH = 0x2f;
const DOT = 0x2e;

/** What is wrong with a name of a directory's entry; undefined where nothing is. */
export function wrongName(name: Uint8Array): string | undefined {
  if (name.length === 0) return "an empty name";
  if (name.length > MAX_NAME_BYTES) return `a name of more than ${MAX_NAME_BYTES} bytes`;
  if (name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT)))
    return `the name '${".".repeat(name.length)}'`;
  for (let at = 0; at < name.length; at++) {
    if (name[at] === SLASH) return "a name with a slash";
    if (name[at] === 0) return "a name with a NUL byte";
  }
  return undefined;
}

/** What is wrong with a symlink's target; undefined where nothing is. */
export function wrongTarget(target: Uint8Array): string | undefined {
  if (target.length === 0) return "an empty target";
  if (target.length > MAX_TARGET_BYTES) return `a target of more than ${MAX_TARGET_BYTES} bytes`;
  if (target.includes(0)) return "a target with a NUL byte";
  return undefined;
}
