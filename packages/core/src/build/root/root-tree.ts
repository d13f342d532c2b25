import type { LayerEntry } from "@stowage/oci";
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
 * Whatever order it is filled in, its entries come out the same.
 */
export class RootTree {
  readonly #nodes = new Map<string, RootNode>();

  /**
   * Puts a node at an absolute, normalised path; missing parents become directories of mode 0755.
   * A directory may be asked for twice; the later one's mode and owner count.
   * @throws CoreError `place-clash` naming both who asked, when the place, or a parent, is taken by something else
   */
  put(place: string, node: RootNode): void {
    for (const parent of parentsOf(place))
      this.#require(parent, { type: "directory", mode: 0o755, origin: node.origin }, place);
    const taken = this.#nodes.get(place);
    if (taken !== undefined && !(taken.type === "directory" && node.type === "directory")) {
      throw clash(place, taken.origin, node.origin);
    }
    this.#nodes.set(place, node);
  }

  /** Like {@link put}, but what is there already stays. */
  putIfFree(place: string, node: RootNode): void {
    if (!this.#nodes.has(place)) this.put(place, node);
  }

  get(place: string): RootNode | undefined {
    return this.#nodes.get(place);
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
    if (taken === undefined) this.#nodes.set(place, directory);
    else if (taken.type !== "directory")
      throw clash(place, taken.origin, `${directory.origin} (for ${child})`);
  }
}

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
