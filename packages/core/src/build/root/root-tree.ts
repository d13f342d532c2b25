import type { LayerEntry } from "@stowage/oci";
import type { BaseTree } from "../../base/base-tree.ts";
import { CoreError } from "../../errors.ts";

/** What stands at one place of the image outside the store paths. Owner 0:0 unless said otherwise. */
export type RootNode = {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Who asked for it, as the user would recognise it: `--add motd:/etc/motd`. Shown when two ask for one place. */
  readonly origin: string;
} & (
  | { readonly type: "directory" }
  | { readonly type: "symlink"; readonly target: string }
  | { readonly type: "file"; readonly size: number; chunks(): Iterable<Uint8Array> }
);

/**
 * The part of an image's file system that is not store paths: places, each with one node and all its parents.
 * Whatever order it is filled in, its entries come out the same. On a base, places are those that the base's symlinks lead
 * to, and its directories keep their modes and owners.
 */
export class RootTree {
  readonly #nodes = new Map<string, RootNode>();
  readonly #base: BaseTree | undefined;

  constructor(base?: BaseTree) {
    this.#base = base;
  }

  /**
   * Puts a node at an absolute, normalised path; missing parents become directories of mode 0755.
   * A directory may be asked for twice; the later one's mode and owner count.
   * @param replaces whether it may stand in place of a file of the base
   * @throws CoreError `place-clash` naming both who asked, when the place, or a parent, is taken by something else
   */
  put(given: string, node: RootNode, { replaces = false }: { readonly replaces?: boolean } = {}): void {
    const isDirectory = node.type === "directory";
    const place = (isDirectory ? this.#base?.resolveDirectory(given) : this.#base?.resolve(given)) ?? given;
    for (const parent of parentsOf(place))
      this.#require(parent, { type: "directory", mode: 0o755, origin: node.origin }, place);
    const taken = this.#nodes.get(place);
    if (taken !== undefined && !(taken.type === "directory" && isDirectory)) {
      throw clash(place, taken.origin, node.origin);
    }
    const below = this.#base?.get(place);
    const covers = below === undefined || (below.type === "directory" ? isDirectory : replaces);
    if (!covers) throw clash(place, BASE, node.origin);
    this.#nodes.set(place, node);
  }

  /** Like {@link put}, but what is there already stays. */
  putIfFree(place: string, node: RootNode): void {
    const real = this.#base?.resolve(place) ?? place;
    if (!this.#nodes.has(real) && this.#base?.get(real) === undefined) this.put(place, node);
  }

  /** What is at a place, of a base only what leads further. */
  get(place: string): RootNode | undefined {
    return this.#nodes.get(place) ?? this.#fromBase(place);
  }

  /** What lies directly in a directory: path and node of each. */
  has(place: string): boolean {
    return this.#nodes.has(place);
  }

  /** All nodes as layer entries, parents first, names by byte value. */
  entries(): LayerEntry[] {
    return [...this.#nodes]
      .map(([place, node]) => ({
        name: Buffer.from(place),
        key: place.split("/").map((part) => Buffer.from(part)),
        node,
      }))
      .toSorted((a, b) => compareComponents(a.key, b.key))
      .map(({ name, node }) => toLayerEntry(name, node));
  }

  #require(place: string, directory: RootNode, child: string): void {
    const taken = this.#nodes.get(place);
    const below = this.#base?.get(place);
    if (taken === undefined && below !== undefined && below.type !== "directory")
      throw clash(place, BASE, `${directory.origin} (for ${child})`);
    if (taken === undefined) this.#nodes.set(place, this.#fromBase(place) ?? directory);
    else if (taken.type !== "directory")
      throw clash(place, taken.origin, `${directory.origin} (for ${child})`);
  }

  #fromBase(place: string): RootNode | undefined {
    const below = this.#base?.get(place);
    if (below?.type === "directory") {
      const { mode, uid, gid } = below;
      return { type: "directory", mode, uid, gid, origin: BASE };
    }
    if (below?.type !== "symlink") return undefined;
    const target = Buffer.from(below.target, "latin1").toString();
    return { type: "symlink", mode: 0o777, target, origin: BASE };
  }
}

const BASE = "the base";

function toLayerEntry(name: Buffer, node: RootNode): LayerEntry {
  const common = { name, mode: node.mode, uid: node.uid ?? 0, gid: node.gid ?? 0 };
  switch (node.type) {
    case "directory":
      return { ...common, type: "directory" };
    case "symlink":
      return { ...common, type: "symlink", target: Buffer.from(node.target) };
    case "file":
      return { ...common, type: "file", size: node.size, chunks: () => node.chunks() };
  }
}

function parentsOf(place: string): string[] {
  const parts = place.split("/").slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}

function compareComponents(a: readonly Buffer[], b: readonly Buffer[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const order = Buffer.compare(a[index] as Buffer, b[index] as Buffer);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function clash(place: string, first: string, second: string): CoreError {
  return new CoreError("place-clash", `${place} is wanted by two: ${first} and ${second}`, {
    path: place,
    hint: "Leave one of them out, or give one another place.",
  });
}
