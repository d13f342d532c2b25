import { measureTree, type TreeEntry } from "@stowage/nix";
import { writeLayer, type LayerEntry } from "@stowage/oci";
import { collect } from "./layer-bytes.ts";
import { directoryEntry, fileEntry, symlinkEntry } from "./memory-image.ts";
import type { ForgedLayer, ForgeOptions } from "./forge-image.ts";

/** A store path that is no file on this machine. */
export interface SmallPath {
  readonly baseName: string;
  /** Contents by path inside it; `-> target` is a symlink. All of it lies in directories that are made. */
  readonly files: Readonly<Record<string, string>>;
  readonly references?: readonly string[];
}

/** Layers, and what the config records of them: an image as Stowage makes it, a layer for each path and one more. */
export function smallStoreImage(paths: readonly SmallPath[]): {
  readonly layers: readonly ForgedLayer[];
  readonly options: ForgeOptions;
} {
  const layers = paths.map((path) => ({ stored: collect(writeLayer(layerEntries(path))) }));
  const link = symlinkEntry("/result", `/nix/store/${paths[0]?.baseName}`);
  const last = {
    stored: collect(writeLayer([directoryEntry("/etc", 0o755), fileEntry("/etc/passwd", "root"), link])),
  };
  const history = paths.map((path) => ({ created_by: `x ${recordOf(path)}` }));
  return {
    layers: [...layers, last],
    options: {
      config: (config) => ({ ...config, history: [...history, { created_by: "/etc/passwd /result" }] }),
    },
  };
}

function layerEntries({ baseName, files }: SmallPath): LayerEntry[] {
  const root = `/nix/store/${baseName}`;
  const inside = treeOf(files).map(([path, contents]) => {
    const name = path === "" ? root : `${root}/${path}`;
    if (contents === undefined) return directoryEntry(name);
    return contents.startsWith("-> ") ? symlinkEntry(name, contents.slice(3)) : fileEntry(name, contents);
  });
  return [directoryEntry("/nix", 0o755), directoryEntry("/nix/store", 0o755), ...inside];
}

function recordOf({ baseName, files, references = [] }: SmallPath): string {
  const entries = treeOf(files).map(([name, contents]): TreeEntry => {
    const path = Buffer.from(name);
    if (contents === undefined) return { type: "directory", path };
    if (contents.startsWith("-> ")) return { type: "symlink", path, target: Buffer.from(contents.slice(3)) };
    const bytes = Buffer.from(contents);
    return { type: "file", path, executable: false, size: bytes.length, chunks: () => [bytes] };
  });
  const { hash, size } = measureTree(entries);
  const path = { path: baseName, narHash: hash, narSize: size, references };
  return JSON.stringify({ schemaVersion: 1, storeDir: "/nix/store", paths: [path] });
}

/** All directories and files, in NAR order; a directory has no contents. */
function treeOf(files: Readonly<Record<string, string>>): [string, string | undefined][] {
  const tree = new Map<string, string | undefined>([["", undefined]]);
  for (const [name, contents] of Object.entries(files)) {
    const parts = name.split("/");
    for (const index of parts.keys()) if (index > 0) tree.set(parts.slice(0, index).join("/"), undefined);
    tree.set(name, contents);
  }
  const key = (name: string): string => name.replaceAll("/", "\0");
  return [...tree].toSorted(([a], [b]) => (key(a) < key(b) ? -1 : 1));
}
