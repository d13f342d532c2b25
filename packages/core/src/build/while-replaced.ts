import { NixError } from "@stowage/nix";

/**
 * Makes something of store paths, from the start again where a path turned out to be broken in one store and is taken from another
 * from then on. Nothing that `make` began may be left when it fails.
 */
export async function whileReplaced<Result>(make: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await make();
    } catch (error) {
      // Each time there is one store less to take the path from.
      if (!(error instanceof NixError) || error.code !== "nar-replaced") throw error;
    }
  }
}
