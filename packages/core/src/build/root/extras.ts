import { parsePackageName, storePathName, type StorePath } from "@stowage/nix";
import type { ImageView } from "../image-view.ts";
import type { RootTree } from "./root-tree.ts";

/** What `--with` adds: from the closure or the store, or a Nix database of the closure. */
export type Extra = "shell" | "ca-certificates" | "tz" | "nix-db";

/** Something that programs expect at a place of the file system, and that packages have inside. */
export interface ExtraPart {
  readonly extra: Extra;
  /** Where it is linked to. */
  readonly places: readonly [string, ...string[]];
  readonly kind: "program" | "file" | "directory";
  /** Where it may lie in a store path, best first. */
  readonly inside: readonly string[];
  /** Packages that have it, best first. */
  readonly packages: readonly string[];
  /** Variables that tell programs where it is. */
  readonly env?: Readonly<Record<string, string>>;
}

const BUNDLE = "/etc/ssl/certs/ca-bundle.crt";

const parts: readonly ExtraPart[] = [
  // Scripts from outside Nix name these two in their first line.
  {
    extra: "shell",
    places: ["/bin/sh"],
    kind: "program",
    inside: ["bin/sh", "bin/bash", "bin/dash", "bin/busybox"],
    packages: ["bash", "bash-interactive", "dash", "busybox"],
  },
  {
    extra: "shell",
    places: ["/usr/bin/env"],
    kind: "program",
    inside: ["bin/env"],
    packages: ["coreutils", "coreutils-full", "uutils-coreutils", "busybox"],
  },
  // NixOS's place, and Debian's; OpenSSL reads the variable, nixpkgs' programs the other.
  {
    extra: "ca-certificates",
    places: [BUNDLE, "/etc/ssl/certs/ca-certificates.crt"],
    kind: "file",
    inside: ["etc/ssl/certs/ca-bundle.crt", "etc/ssl/certs/ca-certificates.crt"],
    packages: ["cacert", "nss-cacert", "ca-certificates"],
    env: { SSL_CERT_FILE: BUNDLE, NIX_SSL_CERT_FILE: BUNDLE },
  },
  {
    extra: "tz",
    places: ["/usr/share/zoneinfo", "/etc/zoneinfo"],
    kind: "directory",
    inside: ["share/zoneinfo"],
    packages: ["tzdata"],
    env: { TZDIR: "/usr/share/zoneinfo" },
  },
];

/** What the given extras are made of, each once. */
export function extraParts(extras: readonly Extra[]): readonly ExtraPart[] {
  return parts.filter(({ extra }) => extras.includes(extra));
}

/** Where a part lies in the closure; the best package's, else the first path's that has it; undefined where none has. */
export async function findExtraPart(
  view: ImageView,
  paths: readonly StorePath[],
  part: ExtraPart,
): Promise<string | undefined> {
  const rank = (path: StorePath): number => {
    const at = part.packages.indexOf(parsePackageName(storePathName(path)).name);
    return at === -1 ? part.packages.length : at;
  };
  for (const path of paths.toSorted((a, b) => rank(a) - rank(b))) {
    for (const inside of part.inside) {
      const place = `${path}/${inside}`;
      if (await isPart(view, place, part)) return place;
    }
  }
  return undefined;
}

async function isPart(view: ImageView, place: string, { kind }: ExtraPart): Promise<boolean> {
  if (kind === "program") return (await view.findProgram(place)) !== undefined;
  return (await view.find(place))?.type === kind;
}

export function putExtraPart(tree: RootTree, { extra, places }: ExtraPart, target: string): void {
  for (const place of places)
    tree.putIfFree(place, { type: "symlink", mode: 0o777, target, origin: `--with ${extra}` });
}
