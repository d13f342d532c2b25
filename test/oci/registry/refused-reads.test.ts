import type { IncomingMessage, ServerResponse } from "node:http";
import { digestOf, pushDraft, Registry, Repository } from "@stowage/oci";
import { describe, expect, test } from "vitest";
import { imageOf, layerOf, memoryLayer, zerosEntry } from "../../support/memory-image.ts";
import { startPeerRegistry, type PeerRegistry } from "../../support/peer-registry.ts";
import { quickRetries as retry } from "../../support/quick-retries.ts";

const login = { kind: "password", username: "cat", password: "canary-7f3a" } as const;

const image = imageOf([layerOf("a", "one"), memoryLayer([zerosEntry("/zeros", 3_000_000)])]);

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Pushes what nobody remembers and then once more, its layers' digests known, and expects all of it to be there. */
async function expectPushed(peer: PeerRegistry, registry: Registry): Promise<void> {
  const repository = new Repository(registry, "app", "pull,push");
  const pushed = await pushDraft(image, { repository, tags: ["1"] });
  await pushDraft(image, { repository, tags: ["1", "2"] }, { known: pushed.layers });
  for (const digest of [pushed.imageId, ...pushed.layers.map((layer) => layer.digest)])
    expect(digestOf(peer.blobs.get(digest) ?? Buffer.alloc(0))).toBe(digest);
  for (const name of ["1", "2", pushed.manifestDigest])
    expect(digestOf(peer.manifests.get(name) ?? Buffer.alloc(0))).toBe(pushed.manifestDigest);
}

const isRead = ({ method, url = "" }: IncomingMessage): boolean =>
  (method === "GET" || method === "HEAD") && !url.includes("/uploads/") && url !== "/v2/";

describe("who may write and not read pushes", () => {
  test.each([403, 500, 501])("where reading is answered with %i", async (status) => {
    await using peer = await startPeerRegistry({
      before: (request, response) => {
        if (isRead(request)) response.writeHead(status).end();
        return isRead(request);
      },
    });
    await using registry = new Registry(peer.host, { retry });
    await expectPushed(peer, registry);
    expect(peer.requests.some((request) => request.startsWith("HEAD /v2/app/blobs/"))).toBe(true);
  });

  test("where the token does not allow it", async () => {
    const answer: Answer = (request, response) => {
      const { url = "", headers } = request;
      const realm = `Bearer realm="http://${headers.host}/token",error="insufficient_scope"`;
      if (url.startsWith("/token")) response.end('{"token":"may-write"}');
      else if (isRead(request) || headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": realm }).end();
      else return false;
      return true;
    };
    await using peer = await startPeerRegistry({ before: answer });
    await using registry = new Registry(peer.host, { retry, credentials: async () => login });
    await expectPushed(peer, registry);
  });

  test("who may do neither is told, and a password that is wrong is shown once", async () => {
    await using forbidden = await startPeerRegistry({
      before: (_, response) => {
        response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"not yours"}]}');
        return true;
      },
    });
    await using registry = new Registry(forbidden.host, { retry });
    const repository = new Repository(registry, "app", "pull,push");
    await expect(pushDraft(image, { repository, tags: ["1"] })).rejects.toMatchObject({
      code: "registry-forbidden",
      message: expect.stringMatching(/answers 403 for .*: DENIED not yours/) as string,
    });
    await using locked = await startPeerRegistry({ authorization: "Basic another" });
    await using wrong = new Registry(locked.host, { retry, credentials: async () => login });
    await expect(
      pushDraft(image, { repository: new Repository(wrong, "app", "pull,push"), tags: ["1"] }),
    ).rejects.toMatchObject({ code: "registry-denied" });
    expect(locked.shown.filter((shown) => shown !== undefined)).toHaveLength(1);
  });
});

test.each([
  [404, /some registries want a repository made/],
  [413, /Raise its limit, or that of a proxy before it/],
])("an upload that is answered with %i says what to do", async (status, hint) => {
  await using peer = await startPeerRegistry({
    before: ({ method, headers }, response) => {
      const isLarge = method === "PATCH" || Number(headers["content-length"]) > 1_000_000;
      const isRefused = status === 404 ? method === "POST" : isLarge;
      // Before it was read, as proxies do.
      if (isRefused) response.writeHead(status, { connection: "close" }).end("<html>no</html>");
      return isRefused;
    },
  });
  await using registry = new Registry(peer.host, { retry });
  const repository = new Repository(registry, "app", "pull,push");
  await expect(pushDraft(image, { repository, tags: ["1"] })).rejects.toMatchObject({
    message: expect.stringMatching(new RegExp(`answers ${status} for layer .* in app$`)) as string,
    hint: expect.stringMatching(hint) as string,
  });
});

describe("an upload does without", () => {
  test("knowing how much of it arrived", async () => {
    let broken = 0;
    await using peer = await startPeerRegistry({
      before: (request, response) => {
        if (request.method === "GET" && request.url?.includes("/uploads/") === true) {
          response.writeHead(500).end();
          return true;
        }
        if (request.method !== "PATCH" || broken > 0) return false;
        broken++;
        request.once("data", () => request.destroy());
        return false;
      },
    });
    await using registry = new Registry(peer.host, { retry });
    await expectPushed(peer, registry);
    expect(broken).toBe(1);
    expect(peer.requests.filter((request) => request.startsWith("GET /v2/app/blobs/uploads/"))).toHaveLength(
      5,
    );
  });

  test.each([
    [200, '{"token":""}'],
    [200, "no JSON"],
    [400, '{"errors":[{"code":"UNSUPPORTED"}]}'],
    [403, "{}"],
    [404, ""],
    [503, ""],
  ])("a mount, for which the token server answers %i %s", async (status, body) => {
    const answer: Answer = ({ url = "", headers }, response) => {
      if (url.startsWith("/token"))
        response
          .writeHead(url.includes("other") ? status : 200)
          .end(url.includes("other") ? body : '{"token":"t"}');
      else if (headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": `Bearer realm="http://${headers.host}/token"` }).end();
      else return false;
      return true;
    };
    await using peer = await startPeerRegistry({ before: answer });
    await using registry = new Registry(peer.host, { retry, credentials: async () => login });
    const repository = new Repository(registry, "app", "pull,push");
    const { layers } = await pushDraft(image, { repository, tags: ["1"] });
    peer.blobs.clear();
    peer.manifests.clear();
    const pushed = await pushDraft(
      image,
      { repository, tags: ["1"] },
      { known: layers, mountFrom: ["other"] },
    );
    expect(pushed.sent).toBeGreaterThan(3_000_000);
    expect(peer.requests.some((request) => request.includes("/token?") && request.includes("other"))).toBe(
      true,
    );
    expect([...peer.blobs.keys()].toSorted()).toEqual(
      [pushed.imageId, ...pushed.layers.map(({ digest }) => digest)].toSorted(),
    );
  });
});
