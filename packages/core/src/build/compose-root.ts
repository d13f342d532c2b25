import type { Target } from "@stowage/nix";
import { CoreError } from "../errors.ts";
import { resolveUser } from "../base/base-accounts.ts";
import type { Base } from "../base/read-base-image.ts";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { unreferenced } from "../graph/unreferenced.ts";
import type { PackOptions } from "../pack-options.ts";
import { ImageView } from "./image-view.ts";
import { parseUser, putAccounts, type User } from "./root/accounts.ts";
import { extraParts, findExtraPart, putExtraPart } from "./root/extras.ts";
import { putCopiesToRoot } from "./root/copy-to-root.ts";
import { putNixState } from "./root/nix-state.ts";
import { putOwn } from "./root/own-files.ts";
import { RootTree } from "./root/root-tree.ts";
import type { TreeHolder } from "./tree-holder.ts";

/** What of an image's file system is not a store path, with a view of the whole. */
export interface ComposedRoot {
  readonly tree: RootTree;
  readonly view: ImageView;
  /** Variables that say where something of it is. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Fills the last layer: the link, the user's own files, copies to the root, the extras, and the user database.
 * @param options checked already where a check needs no store
 * @throws CoreError `place-clash`, `option-invalid`, `not-found` (an extra that is nowhere)
 */
export async function composeRoot(
  options: Pick<PackOptions, "directories" | "files" | "copyToRoot" | "with" | "bare">,
  context: {
    readonly trees: TreeHolder;
    readonly targets: readonly Target[];
    readonly graph: ClosureGraph;
    readonly link: string;
    readonly user: User | undefined;
    /** What the image is put on: it has its own users and folders. */
    readonly base?: Pick<Base, "tree" | "accounts"> | undefined;
  },
): Promise<ComposedRoot> {
  const { trees, targets, graph, link, user, base } = context;
  const paths = graph.infos.map(({ path }) => path);
  const tree = new RootTree(base?.tree);
  const view = new ImageView(trees, paths, tree);
  const first = targets[0] as Target;
  tree.put(link, {
    type: "symlink",
    mode: 0o777,
    target: first.storePath,
    origin: `the link to ${first.given}`,
  });
  const { directories = [], files = [] } = options;
  putOwn(
    tree,
    { directories, files },
    {
      storeDir: trees.storeDir,
      ownerIds: (owner) =>
        base === undefined ? ownerIds(owner, user) : resolveUser(owner, base.accounts, "--dir"),
    },
  );
  if (options.copyToRoot) {
    await putCopiesToRoot(tree, view, {
      targets: [...new Set(targets.map((target) => target.storePath))],
      storeDir: trees.storeDir,
    });
  }
  const parts = extraParts(options.with ?? []);
  for (const part of parts) {
    const target = await findExtraPart(view, paths, part);
    if (target === undefined) {
      throw new CoreError(
        "not-found",
        `--with ${part.extra}: no ${part.places[0]} in the closure or the store`,
        {
          hint: `Give a package that has it as a further target: ${part.packages.slice(0, 2).join(" or ")}.`,
        },
      );
    }
    putExtraPart(tree, part, target);
  }
  if (options.with?.includes("nix-db")) {
    const kept = new Set([...graph.roots, ...unreferenced(graph)].map((root) => infoAt(graph, root).path));
    putNixState(tree, graph.infos, { storeDir: graph.storeDir, kept: [...kept] });
  }
  if (!options.bare && base === undefined) putAccounts(tree, user);
  return { tree, view, env: Object.assign({}, ...parts.map(({ env }) => env)) as Record<string, string> };
}

function ownerIds(owner: string, user: User | undefined): { readonly uid: number; readonly gid: number } {
  if (user?.account?.name === owner) return user;
  const parsed = parseUser(owner);
  if (parsed.account !== undefined) {
    throw new CoreError("option-invalid", `--dir: the image has no user '${owner}'`, {
      hint: `Give a number, root, nobody, or make it the image's user with --user ${owner}.`,
    });
  }
  return parsed;
}
