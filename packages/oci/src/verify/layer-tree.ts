import type { FindingList, Where } from "../finding.ts";
import { isWhiteout, OPAQUE, WHITEOUT } from "../layer/whiteout.ts";
import type { LayerPlace } from "./inspect-layer.ts";
import { climbsOut, shownPath } from "./entry-path.ts";

const MAX_LINKS = 40;

/** What is at a place of an image's file system. */
export interface PlaceFacts extends Omit<LayerPlace, "path"> {
  /** Number of the layer that put it there last. */
  readonly layer: number;
}

interface Node extends PlaceFacts {
  readonly children: Map<string, Node>;
}

/** A directory that no layer has, as runtimes make it up. */
const MADE_UP = { type: "directory", target: "", mode: 0o755, uid: 0, gid: 0 } as const;

/**
 * The file system that an image's layers make, applied one over another from the bottom up (OCI image spec, layer.md).
 * What one entry does to others is judged here.
 */
export class LayerTree {
  readonly #root: Node = { ...MADE_UP, layer: -1, children: new Map() };

  /** Lays a layer over those below. */
  apply(places: readonly LayerPlace[], layer: number, findings: FindingList): void {
    for (const place of places) {
      const where: Where = { entry: shownPath(place.path) };
      const parts = place.path.split("/");
      const name = parts.pop() as string;
      if (place.path === "") {
        if (place.type !== "directory") findings.add("entry-name", "the root is no directory", where);
        continue;
      }
      const parent = this.#enter(parts, { layer, findings, where });
      if (isWhiteout(name)) whiteOut(parent, name, { layer, findings, where });
      else this.#put(parent, name, place, { layer, findings, where });
    }
  }

  /**
   * Follows a path, symlinks with it, to where the tree ends or goes on unseen.
   * @returns the last place that was found, and what is left of the path below it
   */
  follow(path: string): { readonly path: string; readonly rest: string } | undefined {
    let at = "";
    const rest = path.split("/").filter((part) => part !== "");
    for (let links = 0; rest.length > 0;) {
      const part = rest.shift() as string;
      if (part === ".") continue;
      if (part === "..") {
        at = parentOf(at);
        continue;
      }
      const node = this.#find(at)?.children.get(part);
      if (node === undefined) return { path: at, rest: [part, ...rest].join("/") };
      if (node.type !== "symlink") {
        at = at === "" ? part : `${at}/${part}`;
        continue;
      }
      if (++links > MAX_LINKS) return undefined;
      if (node.target.startsWith("/")) at = "";
      rest.unshift(...node.target.split("/").filter((step) => step !== ""));
    }
    return { path: at, rest: "" };
  }

  /** Whether something is at a path; symlinks on the way are not followed. */
  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /** What is at a path, in Latin-1; symlinks on the way are not followed. */
  get(path: string): PlaceFacts | undefined {
    return this.#find(path);
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    if (path !== "") for (const part of path.split("/")) node = node?.children.get(part);
    return node;
  }

  /** The directory that an entry lies in; what is missing is made, as runtimes do. */
  #enter(parts: readonly string[], { layer, findings, where }: Applying): Node {
    let node = this.#root;
    for (const [index, part] of parts.entries()) {
      let next = node.children.get(part);
      if (next === undefined) {
        const missing = shownPath(parts.slice(0, index + 1).join("/"));
        findings.add("parent-missing", `no layer has ${missing}, which it lies in`, where);
        next = { ...MADE_UP, layer, children: new Map() };
        node.children.set(part, next);
      } else if (next.type !== "directory") {
        const above = shownPath(parts.slice(0, index + 1).join("/"));
        findings.add("entry-through-link", `it lies below ${above}, which is a ${next.type}`, where);
      }
      node = next;
    }
    return node;
  }

  #put(parent: Node, name: string, place: LayerPlace, applying: Applying): void {
    const { layer, findings, where } = applying;
    const before = parent.children.get(name);
    if (before?.layer === layer) findings.add("entry-duplicate", "the layer has it twice", where);
    checkLink(this, place, applying);
    const isDirectory = place.type === "directory";
    const children = isDirectory && before?.type === "directory" ? before.children : new Map<string, Node>();
    const { type, target, mode, uid, gid } = place;
    parent.children.set(name, { type, target, mode, uid, gid, layer, children });
  }
}

interface Applying {
  readonly layer: number;
  readonly findings: FindingList;
  readonly where: Where;
}

/** Takes away what lower layers have under a whiteout's name, or all that they have in an opaque directory. */
function whiteOut(parent: Node, name: string, { layer, findings, where }: Applying): void {
  if (name === OPAQUE) {
    for (const [child, node] of parent.children) if (node.layer < layer) parent.children.delete(child);
    return;
  }
  const hidden = name.slice(WHITEOUT.length);
  const node = parent.children.get(hidden);
  if (hidden === "" || hidden === "." || hidden === ".." || hidden.startsWith(WHITEOUT))
    findings.add("whiteout", "it is no whiteout that means something", where);
  else if (node === undefined)
    findings.add("whiteout", "it deletes nothing: no layer below has the name", where);
  else if (node.layer === layer && node.type !== "directory")
    findings.add("whiteout", "it deletes what the same layer has", where);
  else parent.children.delete(hidden);
}

/** A hard link leads to something that is there already and no directory (link(2)); a symlink not above the root. */
function checkLink(tree: LayerTree, { path, type, target }: LayerPlace, { findings, where }: Applying): void {
  const shown = JSON.stringify(Buffer.from(target, "latin1").toString());
  if (type === "symlink" && climbsOut(parentOf(path), target))
    findings.add("link-outside", `it is a symlink above the root, to ${shown}`, where);
  if (type !== "hardlink") return;
  const plain = target.replace(/^(?:\.?\/)+/, "");
  if (climbsOut("", target) || plain.split("/").includes(".."))
    findings.add("link-outside", `it is a hard link out of the root, to ${shown}`, where);
  else if (!tree.has(plain))
    findings.add("link-missing", `it is a hard link to ${shown}, which is not there`, where);
  else if (tree.get(plain)?.type === "directory")
    findings.add("link-missing", `it is a hard link to ${shown}, which is a directory`, where);
}

function parentOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}
