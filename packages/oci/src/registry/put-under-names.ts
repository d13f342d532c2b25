import { ifAnswered } from "./if-answered.ts";
import type { RemoteManifest, Repository } from "./repository.ts";

/**
 * Puts a manifest under its digest and then under each tag that does not lead to it yet; all that it refers to is there by
 * now. Returns whether anything was put.
 */
export async function putUnderNames(
  repository: Repository,
  manifest: RemoteManifest,
  tags: readonly string[],
  signal?: AbortSignal,
): Promise<boolean> {
  let isPut = false;
  for (const name of [manifest.digest, ...tags]) {
    if ((await ifAnswered(repository, (asked) => asked.headManifest(name, signal))) === manifest.digest)
      continue;
    await repository.putManifest(name, manifest, signal);
    isPut = true;
  }
  return isPut;
}
