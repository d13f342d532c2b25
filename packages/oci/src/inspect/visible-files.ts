import { OciError } from "../errors.ts";
import { isWhiteout, OPAQUE, WHITEOUT } from "../layer/whiteout.ts";
import type { FileRecord } from "./file-recorder.ts";

/** A file that a layer has. */
export interface PlacedFile {
  readonly record: FileRecord;
  /** Number of the layer, from the bottom up, from 0. */
  readonly layer: number;
}

/** A file whose bytes are in the image and that no container sees. */
export interface HiddenFile extends PlacedFile {
  /** The layer that hides it. */
  readonly by: number;
  readonly reason: "overwritten" | "deleted";
}

interface Node {
  file: PlacedFile | undefined;
  children: Map<string, Node> | undefined;
}

/** Directories and files of all layers together; hostile names could ask for more than any memory. */
const MAX_NODES = 1_500_000;

/**
 * Lays the layers one over another, from the bottom up (OCI image spec, layer.md, "Applying Changesets"), and says which
 * files a container sees and which are hidden by a layer above.
 * @throws OciError `tar-too-large`
 */
export function layOver(layers: readonly (readonly FileRecord[])[]): {
  readonly visible: readonly PlacedFile[];
  readonly hidden: readonly HiddenFile[];
} {
  const overlay = new Overlay();
  for (const [layer, records] of layers.entries()) for (const record of records) overlay.apply(record, layer);
  return { visible: overlay.visible(), hidden: overlay.hidden };
}

class Overlay {
  readonly hidden: HiddenFile[] = [];
  readonly #root: Node = { file: undefined, children: undefined };
  #nodes = 0;

  apply(record: FileRecord, layer: number): void {
    if (record.path === "") return;
    const parts = record.path.split("/");
    const name = parts.pop() as string;
    let parent = this.#root;
    for (const part of parts) parent = this.#child(parent, part);
    if (name === OPAQUE) {
      for (const child of parent.children?.values() ?? []) this.#hide(child, layer, "deleted");
    } else if (isWhiteout(name)) {
      const node = parent.children?.get(name.slice(WHITEOUT.length));
      if (node !== undefined) this.#hide(node, layer, "deleted");
    } else {
      const node = this.#child(parent, name);
      if (record.type === "directory") this.#hideFile(node, { by: layer, reason: "overwritten" });
      else {
        // Whatever the same layer has below a file is nobody's but an attacker's: it is hidden too.
        this.#hide(node, layer + 1, "overwritten", layer);
        node.file = { record, layer };
      }
    }
  }

  visible(): PlacedFile[] {
    return [...filesBelow(this.#root)].flatMap(({ file }) => file ?? []);
  }

  #child(parent: Node, name: string): Node {
    parent.children ??= new Map();
    const found = parent.children.get(name);
    if (found !== undefined) return found;
    if (++this.#nodes > MAX_NODES)
      throw new OciError("tar-too-large", `the image has more than ${MAX_NODES} files and directories`);
    const node: Node = { file: undefined, children: undefined };
    parent.children.set(name, node);
    return node;
  }

  /** Hides what layers below `below` have at a node and under it. */
  #hide(top: Node, below: number, reason: HiddenFile["reason"], by = below): void {
    for (const node of filesBelow(top)) {
      if (node.file !== undefined && node.file.layer < below) this.#hideFile(node, { by, reason });
    }
  }

  #hideFile(node: Node, how: Pick<HiddenFile, "by" | "reason">): void {
    if (node.file !== undefined) this.hidden.push({ ...node.file, ...how });
    node.file = undefined;
  }
}

/** A node and all under it; not by recursion, as a name may have thousands of parts. */
function* filesBelow(top: Node): Generator<Node> {
  const waiting = [top];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    for (const child of node.children?.values() ?? []) waiting.push(child);
  }
}
