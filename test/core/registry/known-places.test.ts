import { readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { clearCache, inspectCache, pushImage, type RegistryAccess } from "@stowage/core";
import { archiveSink } from "@stowage/oci";
import { describe, expect, test } from "vitest";
import { fileEntry, imageOf, memoryLayer } from "../../support/memory-image.ts";
import { startPeerRegistry } from "../../support/peer-registry.ts";
import { requirePrograms } from "../../support/programs.ts";
import { passwordAuth, startRegistry, testUser } from "../../support/registry.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const LAYER = 300_000;
const layers = ["a", "b"].map((name) => memoryLayer([fileEntry(`/${name}`, Buffer.alloc(LAYER, name))]));

/** A user who has packed nothing so far. */
function freshUser(): { readonly environment: NodeJS.ProcessEnv; readonly folder: string } {
  const folder = temporaryFolder();
  return {
    environment: { HOME: folder, XDG_CACHE_HOME: folder },
    folder: join(folder, "stowage", "blob-places"),
  };
}

describe("a push into another repository of a registry", () => {
  async function sentTo(
    reference: string,
    environment: NodeJS.ProcessEnv,
    registry: RegistryAccess = {},
  ): Promise<number> {
    const image = join(temporaryFolder(), "image.tar");
    await archiveSink(image).write(imageOf(layers));
    const { pushed } = await pushImage({ image, push: [reference], environment, registry });
    return pushed[0]?.sent ?? 0;
  }

  test.skipIf(!requirePrograms("docker-registry"))(
    "mounts what an earlier one put somewhere else there, with a login too",
    async () => {
      const auth = passwordAuth(temporaryFolder());
      await using open = await startRegistry();
      await using closed = await startRegistry({ auth });
      const { environment } = freshUser();
      expect(await sentTo(`${open.host}/one:1`, environment)).toBeGreaterThan(2 * LAYER);
      expect(await sentTo(`${open.host}/team/two:1`, environment)).toBeLessThan(10_000);
      // What another registry has is no place here.
      expect(await sentTo(`${closed.host}/three:1`, environment, testUser)).toBeGreaterThan(2 * LAYER);
      expect(await sentTo(`${closed.host}/four:1`, environment, testUser)).toBeLessThan(10_000);
      expect(closed.log()).not.toContain("from=one");
      expect(await sentTo(`${open.host}/five:1`, freshUser().environment)).toBeGreaterThan(2 * LAYER);
    },
  );

  test("sends what is there no more, and remembers where that is", async () => {
    await using peer = await startPeerRegistry();
    const { environment } = freshUser();
    const mounts = (): string[] =>
      peer.requests.splice(0).flatMap((each) => /mount=.*from=(\w+)/.exec(each)?.[1] ?? []);
    expect(await sentTo(`${peer.host}/one:1`, environment)).toBeGreaterThan(2 * LAYER);
    expect(mounts()).toEqual([]);
    peer.blobs.clear();
    peer.manifests.clear();
    expect(await sentTo(`${peer.host}/two:1`, environment)).toBeGreaterThan(2 * LAYER);
    expect(mounts()).toEqual(["one", "one"]);
    peer.blobs.clear();
    peer.manifests.clear();
    expect(await sentTo(`${peer.host}/three:1`, environment)).toBeGreaterThan(2 * LAYER);
    expect(mounts()).toEqual(["two", "two"]);
  });

  test("from where nothing may be read it is not asked for twice", async () => {
    let refused = 0;
    await using peer = await startPeerRegistry({
      before: ({ url = "", headers }, response) => {
        if (url.startsWith("/token")) {
          const isOther = url.includes("one%3Apull&") || url.endsWith("one%3Apull");
          if (isOther) refused++;
          response.writeHead(isOther ? 403 : 200).end(isOther ? "{}" : '{"token":"t"}');
        } else if (headers.authorization === undefined)
          response
            .writeHead(401, { "www-authenticate": `Bearer realm="http://${headers.host}/token"` })
            .end();
        else return false;
        return true;
      },
    });
    const { environment } = freshUser();
    expect(await sentTo(`${peer.host}/one:1`, environment)).toBeGreaterThan(2 * LAYER);
    peer.blobs.clear();
    peer.manifests.clear();
    expect(await sentTo(`${peer.host}/two:1`, environment)).toBeGreaterThan(2 * LAYER);
    expect(refused).toBeGreaterThan(0);
    const before = refused;
    // Each blob's place is the second repository now.
    peer.blobs.clear();
    peer.manifests.clear();
    expect(await sentTo(`${peer.host}/three:1`, environment)).toBeGreaterThan(2 * LAYER);
    expect(refused).toBe(before);
  });

  test("what is remembered is counted, forgotten, and nothing where it is damaged", async () => {
    await using peer = await startPeerRegistry();
    const { environment, folder } = freshUser();
    await sentTo(`${peer.host}/one:1`, environment);
    const { blobPlaces } = inspectCache({ environment });
    expect(blobPlaces).toMatchObject({ folder, entries: 2 });
    expect(blobPlaces.bytes).toBeGreaterThan(100);
    for (const name of readdirSync(folder)) truncateSync(join(folder, name), 40);
    peer.requests.splice(0);
    peer.blobs.clear();
    peer.manifests.clear();
    expect(await sentTo(`${peer.host}/two:1`, environment)).toBeGreaterThan(2 * LAYER);
    expect(peer.requests.filter((each) => each.includes("mount="))).toEqual([]);
    expect(clearCache({ environment }).blobPlaces.entries).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });
});
