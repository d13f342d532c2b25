import { storePathBaseName, type StorePath } from "@stowage/nix";
import type { RootTree } from "./root/root-tree.ts";
import type { TreeHolder } from "./tree-holder.ts";
import { readFirst, viewTree, type TreeNode, type TreeView } from "./tree-view.ts";

/** A file or directory as the container will see it, every symlink followed. */
export interface Found {
  /** Absolute path in the image, free of symlinks. */
  readonly place: string;
  readonly type: "file" | "directory";
  /** For a file: whether anybody may run it. */
  readonly executable: boolean;
}

const MAX_SYMLINKS = 40;

/**
 * The image's file system before it exists: the store paths of one closure, and what stands beside them. Symlinks are
 * followed inside the image only, so what lies on this machine's disk never answers.
 */
export class ImageView {
  readonly #trees: TreeHolder;
  readonly #views = new Map<StorePath, Promise<TreeView>>();
  readonly #paths: ReadonlyMap<string, StorePath>;
  readonly #tree: RootTree;

  constructor(trees: TreeHolder, paths: Iterable<StorePath>, tree: RootTree) {
    this.#trees = trees;
    this.#paths = new Map([...paths].map((path) => [storePathBaseName(path), path]));
    this.#tree = tree;
  }

  /** What is at an absolute path; undefined where nothing is, or a symlink dangles or loops. */
  async find(place: string): Promise<Found | undefined> {
    const waiting = components(place);
    let here: string[] = [];
    let symlinks = 0;
    while (waiting.length > 0) {
      const name = waiting.shift() as string;
      if (name === "..") {
        here = here.slice(0, -1);
        continue;
      }
      const next = [...here, name];
      const node = await this.#node(next);
      if (node === undefined) return undefined;
      if (node.type === "symlink") {
        if (++symlinks > MAX_SYMLINKS) return undefined;
        if (node.target.startsWith("/")) here = [];
        waiting.unshift(...components(node.target));
        continue;
      }
      if (waiting.length > 0 && node.type !== "directory") return undefined;
      here = next;
    }
    const node = await this.#node(here);
    if (node === undefined || node.type === "symlink") return undefined;
    return { place: `/${here.join("/")}`, type: node.type, executable: node.executable };
  }

  /** Whether there is anything at an absolute path, a symlink that leads nowhere too. */
  async has(place: string): Promise<boolean> {
    const parts = components(place);
    const parent = await this.find(`/${parts.slice(0, -1).join("/")}`);
    const [name] = parts.slice(-1);
    if (parent?.type !== "directory" || name === undefined || name === "..") return parent !== undefined;
    return (await this.#node([...components(parent.place), name])) !== undefined;
  }

  /** The executable regular file at a path, symlinks followed. */
  async findProgram(place: string): Promise<Found | undefined> {
    const found = await this.find(place);
    return found?.type === "file" && found.executable ? found : undefined;
  }

  /** Names in a directory inside a store path, sorted by code unit; empty where there is no such directory. */
  async list(place: string): Promise<string[]> {
    const found = await this.find(place);
    if (found?.type !== "directory") return [];
    const inside = await this.#inside(components(found.place));
    return inside === undefined ? [] : inside.view.list(inside.place);
  }

  /** The first bytes of a file, fewer where it is shorter. */
  async readHead(file: Found, bytes: number): Promise<Buffer> {
    const inside = await this.#inside(components(file.place));
    return inside === undefined
      ? this.#readOwnHead(file.place, bytes)
      : inside.view.readHead(inside.place, bytes);
  }

  #readOwnHead(place: string, bytes: number): Buffer {
    const node = this.#tree.get(place);
    if (node?.type !== "file") return Buffer.alloc(0);
    return readFirst(node.chunks(), bytes);
  }

  async #node(parts: readonly string[]): Promise<TreeNode | undefined> {
    const place = `/${parts.join("/")}`;
    const { storeDir } = this.#trees;
    if (place === "/" || place === storeDir || storeDir.startsWith(`${place}/`)) {
      return { type: "directory", executable: false };
    }
    const inside = await this.#inside(parts);
    if (inside !== undefined) return inside.view.node(inside.place);
    const own = this.#tree.get(place);
    if (own === undefined) return undefined;
    return own.type === "symlink"
      ? own
      : { type: own.type, executable: own.type === "file" && (own.mode & 0o111) !== 0 };
  }

  /** The store path's tree that a place lies in. */
  async #inside(
    parts: readonly string[],
  ): Promise<{ readonly view: TreeView; readonly place: string } | undefined> {
    const storeParts = components(this.#trees.storeDir);
    if (parts.length <= storeParts.length || storeParts.some((part, index) => parts[index] !== part))
      return undefined;
    const path = this.#paths.get(parts[storeParts.length] as string);
    if (path === undefined) return undefined;
    return { view: await this.#viewOf(path), place: parts.slice(storeParts.length + 1).join("/") };
  }

  #viewOf(path: StorePath): Promise<TreeView> {
    const known = this.#views.get(path);
    if (known !== undefined) return known;
    const view = this.#trees.keep(path).then(viewTree);
    this.#views.set(path, view);
    return view;
  }
}

function components(place: string): string[] {
  return place.split("/").filter((part) => part !== "" && part !== ".");
}
