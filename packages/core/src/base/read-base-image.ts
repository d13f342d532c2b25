import type { PathInfo, StorePath } from "@stowage/nix";
import { readBase, type BaseImage, type Platform } from "@stowage/oci";
import { CoreError } from "../errors.ts";
import { StorePathBudget } from "../verify/store-visitor.ts";
import { BaseTree } from "./base-tree.ts";
import { readAccounts, type BaseAccounts } from "./base-accounts.ts";
import { BaseVisitor } from "./base-visitor.ts";
import { KnownLayers, type KnownLayer } from "./known-layers.ts";
import type { OpenBase } from "./open-base.ts";

/** The image that another is put on, read and found fit for it. */
export interface Base extends AsyncDisposable {
  readonly word: string;
  readonly image: BaseImage;
  readonly tree: BaseTree;
  readonly accounts: BaseAccounts;
  /** Paths of the closure that it has already, byte for byte: they need no layer. */
  readonly storePaths: ReadonlySet<StorePath>;
}

/**
 * Reads a base whole, but for what is remembered of a registry's layers, and compares it with the closure that goes on top.
 * @throws OciError `platform-mismatch`, `image-corrupted`, `image-unreadable`
 * @throws CoreError `place-clash` where it has something else at a place of the store
 */
export async function readBaseImage(
  { word, source, contents, origin }: OpenBase,
  options: {
    readonly platform: Platform | undefined;
    readonly storeDir: string;
    readonly infos: readonly PathInfo[];
    /** Where the cache folder is. */
    readonly environment: NodeJS.ProcessEnv;
    readonly onNotice?: ((notice: string) => void) | undefined;
    readonly signal?: AbortSignal | undefined;
    /** Told of bytes of the base's layers as they are read, with how many there are. */
    readonly onBytes?: ((bytes: number, total: number) => void) | undefined;
  },
): Promise<Base> {
  const { platform, storeDir, infos, signal, onBytes, environment, onNotice } = options;
  const isFar = source.form === "registry";
  using remembered = new KnownLayers(environment, onNotice);
  const known = new Map<string, KnownLayer>();
  const visitors = new Map<string, BaseVisitor>();
  const budget = new StorePathBudget();
  const read = await readBase(source, contents, {
    platform,
    signal,
    onBytes,
    visitor(layer) {
      const visitor = new BaseVisitor(storeDir, budget);
      visitors.set(layer, visitor);
      return visitor;
    },
    recall(layer) {
      const found = isFar ? remembered.get({ digest: layer, storeDir }) : undefined;
      if (found !== undefined) known.set(layer, found);
      return found?.facts;
    },
    learned(layer, facts) {
      const seen = (visitors.get(layer) as BaseVisitor).finish();
      known.set(layer, { ...seen, facts });
      if (isFar) remembered.put({ digest: layer, storeDir }, { ...seen, facts });
    },
  });
  const image: BaseImage = { ...read, origin, readFile: withKnownFiles(read, known) };
  try {
    const tree = new BaseTree(image.tree);
    checkStoreDir(tree, storeDir, word);
    const storePaths = findStorePaths(tree, { known: [...known.values()], infos, word });
    const accounts = await readAccounts(image);
    return {
      word,
      image,
      tree,
      accounts,
      storePaths,
      [Symbol.asyncDispose]: () => image[Symbol.asyncDispose](),
    };
  } catch (error) {
    await image[Symbol.asyncDispose]();
    throw error;
  }
}

/** Reads files of a registry's layers from what was seen of them, and no layer for it. */
function withKnownFiles(image: BaseImage, known: ReadonlyMap<string, KnownLayer>): BaseImage["readFile"] {
  return async (path, options) => {
    const end = image.tree.follow(path);
    const found = end?.rest === "" ? image.tree.get(end.path) : undefined;
    const layer = found?.type === "file" ? image.layers[found.layer] : undefined;
    const kept = layer && known.get(layer.digest)?.files.get(end?.path ?? "");
    return kept ?? image.readFile(path, options);
  };
}

/** Store paths are unpacked where the store is: no link may lead them elsewhere. */
function checkStoreDir(tree: BaseTree, storeDir: string, word: string): void {
  const parts = storeDir.split("/").slice(1);
  for (const index of parts.keys()) {
    const place = `/${parts.slice(0, index + 1).join("/")}`;
    const found = tree.get(place);
    if (found === undefined || found.type === "directory") continue;
    throw new CoreError(
      "place-clash",
      `the base '${word}' has a ${found.type} at ${place}, where the store goes`,
      {
        path: place,
        hint: "Take a base that has a directory there, or nothing.",
      },
    );
  }
}

/** What of the closure is there, unchanged by any layer above. */
function findStorePaths(
  tree: BaseTree,
  {
    known,
    infos,
    word,
  }: {
    readonly known: readonly KnownLayer[];
    readonly infos: readonly PathInfo[];
    readonly word: string;
  },
): Set<StorePath> {
  const found = Map.groupBy(
    known.flatMap(({ storePaths }) => storePaths),
    ({ path }) => path,
  );
  const there = infos.filter(({ path }) => tree.get(path) !== undefined);
  for (const { path, narHash } of there) {
    const pieces = found.get(path) ?? [];
    if (pieces.length === 1 && pieces[0]?.narHash === narHash) continue;
    throw new CoreError("place-clash", `the base '${word}' has another ${path} than the closure`, {
      path,
      hint: "Make the base from the same store, or take one without this path.",
    });
  }
  return new Set(there.map(({ path }) => path));
}
