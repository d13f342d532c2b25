import { NixError } from "../errors.ts";
import { parseRegistration, parseShortRegistration } from "../registration.ts";
import { parseJsonClosure } from "./json-closure.ts";
import type { ClosureText } from "./listed-path.ts";
import { storeDirOf } from "./store-dir-of.ts";

/**
 * Reads an exported closure in any form that Nix has for it, found out by looking: JSON (see {@link parseJsonClosure}),
 * the registration text of `nix-store --dump-db` and `--register-validity --hash-given`, and the short one without
 * hashes and sizes of `--register-validity` and `exportReferencesGraph`.
 * @throws NixError `format-invalid` with the position
 */
export function parseClosureText(text: string): ClosureText {
  const start = /^\uFEFF?\s*(\S?)/.exec(text)?.[1] ?? "";
  if (start === "[" || start === "{") return parseJsonClosure(text.replace(/^\uFEFF/, ""));
  if (start !== "/") {
    throw new NixError(
      "format-invalid",
      `the closure's text ${start === "" ? "is empty" : "starts like no closure that Nix prints"}`,
      {
        hint: "Give what nix path-info --json --recursive or nix-store --dump-db prints, or what exportReferencesGraph wrote.",
      },
    );
  }
  const [path = "", second = ""] = text.split("\n", 2);
  const storeDir = storeDirOf(path);
  const isShort = second === "" || second.startsWith("/");
  if (isShort) return { storeDir, paths: parseShortRegistration(text, storeDir) };
  const paths = parseRegistration(text, storeDir).map(({ narHash, narSize, ...info }) => ({
    ...info,
    nar: { hash: narHash, size: narSize },
  }));
  return { storeDir, paths };
}
