import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { connect, createServer as createSilent, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import {
  BlockPool,
  digestOf,
  layoutSink,
  openRegistryImage,
  parseCompression,
  pushDraft,
  Registry,
  Repository,
  type Codec,
  type ImageDraft,
  type PushedImage,
  type Retry,
} from "@stowage/oci";
import { describe, expect, test } from "vitest";
import { imageOf, layerOf, memoryLayer, zerosEntry } from "../../support/memory-image.ts";
import { bytesLayer } from "../../support/bytes-layer.ts";
import { seededRandom } from "../../support/campaign.ts";
import { startPeerRegistry, type PeerRegistry } from "../../support/peer-registry.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { quickRetries } from "../../support/quick-retries.ts";

const retry = quickRetries;
const secret = { kind: "password", username: "cat", password: "canary-7f3a" } as const;
const basic = `Basic ${Buffer.from("cat:canary-7f3a").toString("base64")}`;

function someImage(): ImageDraft {
  return imageOf([layerOf("a", "one"), memoryLayer([zerosEntry("/zeros", 3_000_000)])]);
}

async function push(registry: Registry, image = someImage()): Promise<PushedImage> {
  return pushDraft(image, { repository: new Repository(registry, "app", "pull,push"), tags: ["1"] });
}

/** That a registry has all of an image, each blob under its digest. */
function expectWhole(peer: PeerRegistry, pushed: PushedImage): void {
  for (const digest of [pushed.imageId, ...pushed.layers.map((layer) => layer.digest)])
    expect(digestOf(peer.blobs.get(digest) ?? Buffer.alloc(0))).toBe(digest);
  expect(digestOf(peer.manifests.get("1") ?? Buffer.alloc(0))).toBe(pushed.manifestDigest);
  expect(peer.manifests.has(pushed.manifestDigest)).toBe(true);
}

async function* chunkOf(size: number): AsyncGenerator<Uint8Array, void> {
  yield Buffer.alloc(size);
}

describe("registries that are odd", () => {
  test.each([
    ["one that says nothing of digests", { isSilent: true }],
    ["one that answers 200 for what is made or begun", { statuses: { 201: 200, 202: 200 } }],
    [
      "one that answers 204 for an upload that ends, 201 for one that goes on",
      { statuses: { 201: 204, 202: 201 } },
    ],
  ])("%s", async (_, oddities) => {
    await using peer = await startPeerRegistry(oddities);
    await using registry = new Registry(peer.host, { retry });
    expectWhole(peer, await push(registry));
  });

  test("one that ignores mounts", async () => {
    await using peer = await startPeerRegistry({ ignoresMounts: true });
    await using registry = new Registry(peer.host, { retry });
    const { layers: known } = await push(registry);
    const blobs = new Map(peer.blobs);
    peer.blobs.clear();
    peer.manifests.clear();
    const repository = new Repository(registry, "other", "pull,push");
    const pushed = await pushDraft(someImage(), { repository, tags: ["1"] }, { known, mountFrom: ["app"] });
    expect(pushed.sent).toBeGreaterThan(3_000_000);
    expect(peer.blobs).toEqual(blobs);
    // The uploads that it began instead are the ones that are used: one for each layer, and one for the config.
    expect(peer.requests.filter((request) => request.startsWith("POST /v2/other/"))).toHaveLength(3);
  });

  test("one that has something else after a push", async () => {
    await using peer = await startPeerRegistry({ lies: true });
    await using registry = new Registry(peer.host, { retry });
    await expect(push(registry)).rejects.toMatchObject({
      code: "registry-failed",
      message: expect.stringContaining("after it was put there") as string,
    });
  });

  test.each(["location", "redirect"] as const)(
    "one that sends uploads to another origin by %s: the password does not go there",
    async (by) => {
      const blobs = new Map<string, Buffer>();
      await using other = await startPeerRegistry({ blobsOf: blobs });
      await using peer = await startPeerRegistry({
        blobsOf: blobs,
        uploadsAt: { origin: other.origin, by },
        authorization: basic,
      });
      await using registry = new Registry(peer.host, { retry, credentials: async () => secret });
      expectWhole(peer, await push(registry));
      expect(peer.shown).toContain(basic);
      expect(other.received).toBeGreaterThan(3_000_000);
      expect(other.shown.filter((shown) => shown !== undefined)).toEqual([]);
    },
  );

  test("one that asks again at another origin gets nothing there", async () => {
    await using other = await startPeerRegistry({ authorization: basic });
    await using peer = await startPeerRegistry({ uploadsAt: { origin: other.origin, by: "location" } });
    await using registry = new Registry(peer.host, { retry, credentials: async () => secret });
    await expect(push(registry)).rejects.toMatchObject({ code: "registry-denied" });
    expect(other.shown.filter((shown) => shown !== undefined)).toEqual([]);
  });

  test("one that knows the repository by another name is shown a token for that", async () => {
    const [own, theirs] = ["repository:app:pull,push", "repository:docker-local/app:pull,push"];
    const asked: string[][] = [];
    await using peer = await startPeerRegistry({
      before: ({ url = "", headers }, response) => {
        const { pathname, searchParams } = new URL(url, "http://localhost");
        if (pathname === "/token") {
          const scopes = searchParams.getAll("scope");
          asked.push(scopes);
          response.end(JSON.stringify({ token: scopes.includes(theirs) ? "theirs" : "own" }));
          return true;
        }
        if (headers.authorization === "Bearer theirs") return false;
        // What a read needs of the same repository adds nothing.
        const scope = `repository:app:pull ${theirs}`;
        const challenge = `Bearer realm="http://${headers.host}/token",scope="${scope}"`;
        response.writeHead(401, { "www-authenticate": challenge }).end();
        return true;
      },
    });
    await using registry = new Registry(peer.host, { retry });
    expectWhole(peer, await push(registry));
    expect(asked).toEqual([[own, theirs]]);
  });

  test("one that redirects to plain HTTP elsewhere, or in a circle", async () => {
    const redirect = (location: string) => (_: unknown, response: ServerResponse) => {
      response.writeHead(307, { location }).end();
      return true;
    };
    await using away = await startPeerRegistry({ before: redirect("http://registry.invalid/") });
    await using registry = new Registry(away.host, { retry });
    await expect(push(registry)).rejects.toMatchObject({
      code: "registry-failed",
      message: expect.stringContaining("plain HTTP") as string,
    });
    await using circle = await startPeerRegistry({ before: redirect("/v2/again") });
    await using round = new Registry(circle.host, { retry });
    await expect(push(round)).rejects.toThrow("redirects without end");
  });

  test("a token server that sends logins on to another origin gets none of them there", async () => {
    const heard: string[] = [];
    const listen = (request: IncomingMessage, response: ServerResponse) => {
      request.on("data", (chunk: Buffer) => heard.push(chunk.toString()));
      request.on("end", () => response.end('{"token":"given"}'));
      return true;
    };
    await using other = await startPeerRegistry({ before: listen });
    await using tokens = await startPeerRegistry({
      before: (_, response) => {
        response.writeHead(307, { location: `${other.origin}/token` }).end();
        return true;
      },
    });
    await using peer = await startPeerRegistry({
      before: (request, response) => {
        if (request.headers.authorization !== undefined) return false;
        response.writeHead(401, { "www-authenticate": `Bearer realm="${tokens.origin}/token"` }).end();
        return true;
      },
    });
    const credentials = async () => ({ kind: "identity", token: "canary-7f3a" }) as const;
    await using registry = new Registry(peer.host, { retry, credentials });
    await expect(push(registry)).rejects.toMatchObject({
      code: "registry-failed",
      message: expect.stringContaining("to another host") as string,
    });
    expect(heard).toEqual([]);
  });

  test("one that never says yes ends the push, after a bounded number of requests", async () => {
    await using peer = await startPeerRegistry({
      before: (request, response) => {
        if (request.method !== "PUT") return false;
        request.resume().on("end", () => response.writeHead(400).end());
        return true;
      },
    });
    await using registry = new Registry(peer.host, { retry });
    await expect(push(registry)).rejects.toMatchObject({ code: "registry-failed" });
    expect(peer.requests.length).toBeLessThan(60);
    expect(peer.manifests.size).toBe(0);
  });
});

describe("failures that pass", () => {
  /** A registry whose uploads break in the middle, so many times. */
  async function startBreaking(times: number, forgets: boolean): Promise<PeerRegistry> {
    let left = times;
    return startPeerRegistry({
      forgets,
      before: (request) => {
        const isChunked = request.headers["transfer-encoding"] === "chunked";
        const length = isChunked ? 4_000_000 : Number(request.headers["content-length"] ?? 0);
        if (length < 1_000_000 || left === 0) return false;
        left--;
        let passed = 0;
        request.on("data", (chunk: Buffer) => {
          passed += chunk.length;
          if (passed > length / 2) request.destroy();
        });
        return false;
      },
    });
  }

  test("a registry that is away for a moment in the middle of a push is waited for", async () => {
    await using peer = await startPeerRegistry();
    const [hostname = "", port = ""] = peer.host.split(":");
    const sockets = new Set<Socket>();
    let wasAway = false;
    const server = createSilent((socket) => {
      const onward = connect(Number(port), hostname);
      for (const one of [socket, onward]) sockets.add(one.on("error", () => {}));
      onward.pipe(socket);
      socket.pipe(onward);
      socket.on("data", (chunk: Buffer) => {
        if (wasAway || !chunk.includes("POST /v2/app/blobs/uploads/")) return;
        wasAway = true;
        server.close(() => setTimeout(() => server.listen(here, "127.0.0.1"), 500));
        for (const one of sockets) one.destroy();
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const here = (server.address() as AddressInfo).port;
    try {
      const patient = { ...retry, firstPause: 200, longestPause: 1000 };
      await using registry = new Registry(`127.0.0.1:${here}`, { retry: patient });
      expectWhole(peer, await push(registry));
      expect(wasAway).toBe(true);
    } finally {
      for (const one of sockets) one.destroy();
      server.close();
    }
  });

  test("what cannot be read under a tag is replaced", async () => {
    await using peer = await startPeerRegistry({
      before: (request, response) => {
        if (request.method !== "GET" || !/manifests\/1$|tags\/list/.test(request.url ?? "")) return false;
        const wrong = { "docker-content-digest": `sha256:${"0".repeat(64)}` };
        response.writeHead(request.url?.includes("tags") === true ? 501 : 200, wrong).end("{}");
        return true;
      },
    });
    await using registry = new Registry(peer.host, { retry });
    expectWhole(peer, await push(registry));
  });

  test("an upload that breaks goes on from where the registry says it is", async () => {
    await using peer = await startBreaking(6, false);
    await using registry = new Registry(peer.host, { retry });
    const pushed = await push(registry);
    expectWhole(peer, pushed);
    expect(peer.received).toBeLessThan(pushed.sent + 10_000);
  });

  test.each(["gzip", "zstd"])("so does one of a layer that %s makes while it is sent", async (codec) => {
    await using peer = await startBreaking(3, false);
    await using registry = new Registry(peer.host, { retry });
    await using compression = new BlockPool(parseCompression(codec) as Codec, 2);
    const bytes = Buffer.alloc(6_000_000);
    const random = seededRandom(7);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(random() * 2 ** 32, at);
    const image = { ...imageOf([bytesLayer(bytes), layerOf("a", "one")]), compression };
    const pushed = await push(registry, image);
    expectWhole(peer, pushed);
    expect(pushed.sent).toBeGreaterThan(5_000_000);
    expect(peer.received).toBeLessThan(pushed.sent * 1.8);
    expect(pushed.layers.map(({ diffId }) => diffId)[0]).toBe(digestOf(bytes));
    const written = await layoutSink(join(temporaryFolder(), "layout")).write(image);
    expect(pushed).toMatchObject(written);
    // Nobody remembers anything here, and nothing is sent again.
    expect(await push(registry, image)).toMatchObject({ ...written, sent: 0 });
  });

  test("a registry that forgets it gets it again, from the start", async () => {
    await using peer = await startBreaking(3, true);
    await using registry = new Registry(peer.host, { retry });
    expectWhole(peer, await push(registry));
  });

  test("without progress it ends", async () => {
    await using peer = await startBreaking(Infinity, true);
    await using registry = new Registry(peer.host, { retry: { ...retry, attempts: 4 } });
    await expect(push(registry)).rejects.toMatchObject({ code: "registry-unreachable" });
    expect(peer.manifests.size).toBe(0);
  });

  test("an answer that is lost is found out", async () => {
    let left = 1;
    await using peer = await startPeerRegistry({
      before: (request, response) => {
        if (request.method !== "PUT" || !request.url?.includes("/blobs/") || left === 0) return false;
        left--;
        response.end = () => response.destroy();
        return false;
      },
    });
    await using registry = new Registry(peer.host, { retry });
    const pushed = await push(registry);
    expectWhole(peer, pushed);
    expect(peer.received).toBeLessThan(pushed.sent + 10_000);
  });

  test.each([
    ["in seconds", "1", 950],
    ["as a date", () => new Date(Date.now() + 2000).toUTCString(), 900],
  ])("a registry that asks to wait %s is waited for", async (_, value, least) => {
    let asked = 0;
    let came = 0;
    await using peer = await startPeerRegistry({
      before: (_, response) => {
        if (asked !== 0) {
          came ||= performance.now();
          return false;
        }
        asked = performance.now();
        response.writeHead(429, { "retry-after": typeof value === "string" ? value : value() }).end();
        return true;
      },
    });
    await using registry = new Registry(peer.host, { retry });
    // The first request only finds out that plain HTTP is spoken, whatever the answer.
    const repository = new Repository(registry, "app", "pull,push");
    await repository.headManifest("1");
    asked = 0;
    came = 0;
    await repository.headManifest("1");
    expect(came - asked).toBeGreaterThan(least);
  });

  test.each([
    ["it has a page for everything", undefined],
    ["it says of no page how long it is", "chunked"],
    ["it leads everybody to another host", "redirect"],
  ])("a web server is no registry: %s", async (_, way) => {
    await using page = await startPeerRegistry({
      before: (_, response) => {
        const headers = { "content-type": "text/html; charset=utf-8" };
        response.writeHead(200, way === "chunked" ? { ...headers, "transfer-encoding": "chunked" } : headers);
        response.end("<!doctype html><title>Log in</title>");
        return true;
      },
    });
    await using portal = await startPeerRegistry({
      before: (_, response) => {
        response.writeHead(302, { location: `${page.origin}/login` }).end();
        return true;
      },
    });
    const { host } = way === "redirect" ? portal : page;
    await using registry = new Registry(host, { retry });
    const whose = way === "redirect" ? `a web page, of ${page.host}` : "a web page";
    const refused = {
      code: "registry-unreachable",
      message: `${host} is no registry: it answers with ${whose}`,
      hint: expect.stringContaining("a network that wants a login") as string,
    };
    await expect(push(registry)).rejects.toMatchObject(refused);
    const repository = new Repository(registry, "app", "pull,push");
    await expect(openRegistryImage(repository, { tag: "1" })).rejects.toMatchObject(refused);
    await expect(repository.hasBlob({ digest: digestOf(Buffer.from("x")), size: 1 })).rejects.toMatchObject(
      refused,
    );
    expect(page.requests.filter((each) => /^(POST|PUT|PATCH)/.test(each))).toEqual([]);
  });

  test.each([
    ["text/plain", "OK"],
    ["application/json", "{}"],
    ["application/json", "null"],
  ])("a server that says yes to everything is no registry: %s %s", async (type, body) => {
    await using server = await startPeerRegistry({
      before: (_, response) => {
        // Without a length, which no blob has.
        response.writeHead(200, { "content-type": type, "transfer-encoding": "chunked" }).end(body);
        return true;
      },
    });
    await using registry = new Registry(server.host, { retry });
    await expect(push(registry)).rejects.toMatchObject({
      code: "registry-unreachable",
      message: `${server.host} is no registry: it answers with what is no manifest`,
    });
    expect(server.requests.filter((each) => /^(POST|PUT|PATCH)/.test(each))).toEqual([]);
  });

  test("a web server without a page for it is told apart from a registry without the repository", async () => {
    await using server = await startPeerRegistry({
      before: (_, response) => {
        response.writeHead(404, { "content-type": "text/html" }).end("<h1>not found</h1>");
        return true;
      },
    });
    await using registry = new Registry(server.host, { retry });
    await expect(push(registry)).rejects.toMatchObject({
      code: "registry-missing",
      hint: expect.stringContaining("as a web server does") as string,
    });
  });

  test("a registry may call an answer without a body a web page", async () => {
    await using peer = await startPeerRegistry({
      before: ({ method }, response) => {
        if (method !== "GET") response.setHeader("content-type", "text/html; charset=utf-8");
        return false;
      },
    });
    await using registry = new Registry(peer.host, { retry });
    expectWhole(peer, await push(registry));
  });

  test("one that asks to wait for an hour has failed", async () => {
    await using peer = await startPeerRegistry({
      before: (_, response) => {
        response.writeHead(429, { "retry-after": "3600" }).end();
        return true;
      },
    });
    await using registry = new Registry(peer.host, { retry });
    await expect(push(registry)).rejects.toMatchObject({
      code: "registry-failed",
      message: expect.stringContaining("answers 429") as string,
    });
  });

  test.each([408, 425, 429, 500, 502, 503, 504])("%i", async (status) => {
    const random = seededRandom(status);
    await using peer = await startPeerRegistry({
      before: (_, response) => {
        if (random() > 0.3) return false;
        response.writeHead(status).end();
        return true;
      },
    });
    await using registry = new Registry(peer.host, { retry });
    expectWhole(peer, await push(registry));
  });

  test("one that always says later is not asked for long for what is only a hint", async () => {
    await using peer = await startPeerRegistry({
      before: (request, response) => {
        if (request.url === "/v2/") return false;
        response.writeHead(502).end();
        return true;
      },
    });
    const told: Retry[] = [];
    await using registry = new Registry(peer.host, { retry, onRetry: (each) => told.push(each) });
    const image = imageOf([layerOf("a", "one")]);
    await expect(push(registry, image)).rejects.toMatchObject({
      code: "registry-failed",
      message: expect.stringContaining("answers 502") as string,
    });
    const asked = (what: string): number => peer.requests.filter((each) => each.startsWith(what)).length;
    expect(asked("GET /v2/app/manifests/")).toBe(5);
    expect(asked("GET /v2/app/tags/")).toBe(5);
    expect(asked("HEAD /v2/app/blobs/")).toBe(5);
    expect(asked("POST /v2/app/blobs/")).toBe(9);
    expect(told).toHaveLength(4 + 4 + 4 + 8);
    for (const { error, pause } of told) {
      expect(error.message).toContain("answers 502 for ");
      expect(pause).toBeGreaterThan(0);
    }
  });

  test("a layer that cannot be read is its own failure, not the registry's", async () => {
    await using peer = await startPeerRegistry();
    await using registry = new Registry(peer.host, { retry });
    const broken = layerOf("a", "one");
    const image = imageOf([
      {
        ...broken,
        async *chunks() {
          yield Buffer.alloc(100);
          throw new Error("the disk is gone");
        },
      },
    ]);
    await expect(push(registry, image)).rejects.toThrow("the disk is gone");
    expect(peer.requests.filter((request) => request.startsWith("PATCH")).length).toBeLessThan(2);
    const short = imageOf([{ ...broken, chunks: () => chunkOf(100) }]);
    await expect(push(registry, short)).rejects.toMatchObject({ code: "layer-inconsistent" });
    const long = imageOf([{ ...broken, chunks: () => chunkOf(20_000) }]);
    await expect(push(registry, long)).rejects.toMatchObject({ code: "layer-inconsistent" });
    expect(peer.manifests.size).toBe(0);
  });
});

describe("where a registry is", () => {
  test("nobody listens, or there is no such host", async () => {
    await using registry = new Registry("127.0.0.1:1", { retry });
    await expect(push(registry)).rejects.toMatchObject({ code: "registry-unreachable" });
    await using nowhere = new Registry("registry.invalid", { retry });
    await expect(push(nowhere)).rejects.toMatchObject({ code: "registry-unreachable" });
  });

  // Connecting has 15 s.
  test("one that accepts and says nothing is left at once", { timeout: 14_000 }, async () => {
    const silent = createSilent();
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const controller = new AbortController();
    const left = new Promise<void>((resolve) => {
      silent.once("connection", (socket: Socket) => {
        socket.on("error", () => {}).on("close", () => resolve());
        socket.resume();
        controller.abort(new Error("enough"));
      });
    });
    const registry = new Registry(`127.0.0.1:${(silent.address() as AddressInfo).port}`, { retry });
    const repository = new Repository(registry, "app", "pull");
    await expect(repository.headManifest("1", controller.signal)).rejects.toThrow("enough");
    await registry[Symbol.asyncDispose]();
    await left;
    silent.close();
  });

  test("a proxy that the environment names gets what is not on loopback, for that scheme only", async () => {
    await using peer = await startPeerRegistry();
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(503).end();
    });
    proxy.on("connect", (request, socket) => {
      asked.push(`CONNECT ${request.url}`);
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const place = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const once1 = { ...retry, attempts: 1 };
    try {
      await using secure = new Registry("registry.invalid", {
        retry: once1,
        environment: { HTTPS_PROXY: place },
      });
      await expect(push(secure)).rejects.toMatchObject({ code: "registry-unreachable" });
      expect(asked).toEqual(["CONNECT registry.invalid:443"]);
      await using excepted = new Registry("registry.invalid", {
        retry: once1,
        environment: { https_proxy: place, no_proxy: ".invalid" },
      });
      await expect(push(excepted)).rejects.toMatchObject({ code: "registry-unreachable" });
      await using other = new Registry("registry.invalid", {
        retry: once1,
        environment: { HTTP_PROXY: place },
      });
      await expect(push(other)).rejects.toMatchObject({ code: "registry-unreachable" });
      await using loopback = new Registry(peer.host, {
        retry,
        environment: { HTTP_PROXY: place, HTTPS_PROXY: place },
      });
      expectWhole(peer, await push(loopback));
      expect(asked).toHaveLength(1);
    } finally {
      proxy.close();
    }
  });
});
