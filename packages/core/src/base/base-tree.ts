import type { LayerTree, PlaceFacts } from "@stowage/oci";

/** The file system of a base, by absolute paths. */
export class BaseTree {
  readonly #tree: LayerTree;

  constructor(tree: LayerTree) {
    this.#tree = tree;
  }

  /** What is at a place; symlinks on the way are not followed. */
  get(place: string): PlaceFacts | undefined {
    return this.#tree.get(inLayer(place));
  }

  /** A place with the symlinks of its directories followed; as it is where they lead nowhere. */
  resolve(place: string): string {
    const slash = place.lastIndexOf("/");
    const directory = this.#follow(place.slice(0, slash));
    return directory === undefined ? place : `${directory}${place.slice(slash)}`;
  }

  /** The place of a directory, itself followed too. */
  resolveDirectory(place: string): string {
    const end = this.#follow(place);
    return end !== undefined && this.get(end)?.type === "directory" ? end : this.resolve(place);
  }

  /** Without a slash at the end: the root is empty. */
  #follow(place: string): string | undefined {
    const end = this.#tree.follow(inLayer(place));
    if (end === undefined) return undefined;
    const parts = [end.path, end.rest].filter((part) => part !== "").map((part) => `/${fromLayer(part)}`);
    return parts.join("");
  }
}

/** A layer's places are Latin-1, each byte for itself, without a slash in front. */
function inLayer(place: string): string {
  return Buffer.from(place.replace(/^\/+/, "")).toString("latin1");
}

function fromLayer(path: string): string {
  return Buffer.from(path, "latin1").toString();
}
