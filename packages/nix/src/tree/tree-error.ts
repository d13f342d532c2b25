import { NixError } from "../errors.ts";

/** Turns a failed system call on a file of the store into a {@link NixError}; other errors pass as they are. */
export function treeError(error: unknown, path: Buffer): unknown {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return error;
  const name = path.toString();
  const options = { path: name, cause: error };
  switch (error.code) {
    case "EACCES":
    case "EPERM":
      return new NixError("path-unreadable", `cannot read '${name}': permission denied`, {
        ...options,
        hint: "Run as a user who may read the store.",
      });
    case "EMFILE":
    case "ENFILE":
      return new NixError("path-unreadable", `cannot read '${name}': too many files are open`, {
        ...options,
        hint: "Raise the limit (ulimit -n), or pack with fewer --jobs.",
      });
    case "ENOENT":
      return new NixError("path-corrupted", `'${name}' vanished while it was read`, {
        ...options,
        hint: "It may have been collected: build it again.",
      });
    case "ENOTDIR":
    case "ELOOP":
    case "EISDIR":
      return new NixError("path-corrupted", `'${name}' became something else while it was read`, {
        ...options,
        hint: "Nothing may write to a store; check it with nix-store --verify --check-contents.",
      });
    default:
      return new NixError("path-unreadable", `cannot read '${name}': ${error.message.replace(/ '.*/s, "")}`, {
        ...options,
        hint: "The disk or the system fails here, not the store: see what the kernel says (dmesg).",
      });
  }
}

/** What a store's file is not any more, compared with what its directory said. */
export function changedError(path: Buffer, what: string): NixError {
  const name = path.toString();
  return new NixError("path-corrupted", `'${name}' ${what} while it was read`, {
    path: name,
    hint: "Nothing may write to a store; check it with nix-store --verify --check-contents.",
  });
}
