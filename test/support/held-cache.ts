import { serveCache } from "./cache-server.ts";
import type { Gate } from "./strace.ts";

/** A binary cache on loopback that answers nothing until the gate is open. */
export async function heldCache(folder: string): Promise<Gate & AsyncDisposable & { readonly url: string }> {
  const { promise, resolve } = Promise.withResolvers<false>();
  const server = await serveCache(folder, () => promise);
  return {
    url: server.url,
    isReached: () => server.requests.length > 0,
    open: () => resolve(false),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
