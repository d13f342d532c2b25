import { NixError } from "../errors.ts";
import { isStorePathBaseName } from "../store-path.ts";

/**
 * The store directory that a full store path lies in.
 * @throws NixError `format-invalid` for anything else
 */
export function storeDirOf(path: string): string {
  const at = path.lastIndexOf("/");
  if (at < 1 || !path.startsWith("/") || !isStorePathBaseName(path.slice(at + 1))) {
    throw new NixError(
      "format-invalid",
      `the closure's text: ${JSON.stringify(path.slice(0, 300))} is not a store path`,
      {
        hint: "Give what nix path-info --json --recursive or nix-store --dump-db prints, or what exportReferencesGraph wrote.",
      },
    );
  }
  return path.slice(0, at);
}
