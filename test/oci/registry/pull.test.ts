import { join } from "node:path";
import {
  archiveSink,
  digestOf,
  openImage,
  openRegistryImage,
  parsePlatform,
  pushDraft,
  readContents,
  Registry,
  Repository,
  verifyContents,
  type ImageSource,
  type PushedImage,
  type RegistryOptions,
} from "@stowage/oci";
import { describe, expect, test } from "vitest";
import { forgeFiles } from "../../support/forge-image.ts";
import { imageOf, layerOf, memoryLayer, zerosEntry } from "../../support/memory-image.ts";
import { startPeerRegistry, type PeerRegistry } from "../../support/peer-registry.ts";
import { requirePrograms } from "../../support/programs.ts";
import { quickRetries } from "../../support/quick-retries.ts";
import { startRegistry } from "../../support/registry.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const retry = quickRetries;
const secret = { kind: "password", username: "cat", password: "canary-7f3a" } as const;
const basic = `Basic ${Buffer.from("cat:canary-7f3a").toString("base64")}`;
const ZEROS = 3_000_000;

const someImage = () => imageOf([layerOf("a", "one"), memoryLayer([zerosEntry("/zeros", ZEROS)])]);

async function push(host: string, options: RegistryOptions = {}): Promise<PushedImage> {
  await using registry = new Registry(host, { retry, ...options });
  return await pushDraft(someImage(), {
    repository: new Repository(registry, "app", "pull,push"),
    tags: ["1"],
  });
}

async function withImage<T>(
  host: string,
  work: (source: ImageSource) => Promise<T>,
  options: Parameters<typeof openRegistryImage>[2] & {
    reference?: Parameters<typeof openRegistryImage>[1];
  } & {
    registry?: RegistryOptions;
  } = {},
): Promise<T> {
  await using registry = new Registry(host, { retry, ...options.registry });
  const repository = new Repository(registry, "app", "pull");
  await using source = await openRegistryImage(repository, options.reference ?? { tag: "1" }, options);
  return await work(source);
}

/** Everything about the image, and what is wrong with it. */
async function readAll(source: ImageSource) {
  const contents = await readContents(source);
  const { findings } = await verifyContents(contents);
  return { images: contents.images, findings };
}

const codesOf = async (source: ImageSource) => (await readAll(source)).findings.map(({ code }) => code);

describe.skipIf(!requirePrograms("docker-registry"))("an image in Debian's docker-registry", () => {
  test("is what the archive is, by tag and by digest", async () => {
    await using server = await startRegistry();
    const { manifestDigest } = await push(server.host);
    const archive = join(temporaryFolder(), "image.tar");
    await archiveSink(archive).write(someImage());
    await using file = await openImage(archive);
    const expected = await readAll(file);
    for (const reference of [{ tag: "1" }, { digest: digestOf(Buffer.from("")) }]) {
      const named = "digest" in reference ? { digest: manifestDigest as never } : reference;
      const { images, findings } = await withImage(server.host, readAll, { reference: named });
      expect(findings).toEqual([]);
      expect(images.map(({ imageId }) => imageId)).toEqual(expected.images.map(({ imageId }) => imageId));
      expect(images[0]?.layers.map(({ digest, size, diffId }) => [digest, size, diffId])).toEqual(
        expected.images[0]?.layers.map(({ digest, size, diffId }) => [digest, size, diffId]),
      );
      expect(images[0]?.names).toEqual("digest" in named ? [] : [`${server.host}/app:1`]);
    }
    await expect(withImage(server.host, readAll, { reference: { tag: "2" } })).rejects.toMatchObject({
      code: "registry-missing",
      message: expect.stringContaining("app:2") as string,
    });
  });
});

describe("reading from a registry", () => {
  /** A registry that has the image, and what it answers from then on. */
  async function startWith(
    oddities: Parameters<typeof startPeerRegistry>[0],
  ): Promise<PeerRegistry & { readonly pushed: PushedImage }> {
    const blobs = new Map<string, Buffer>();
    const first = await startPeerRegistry({ blobsOf: blobs });
    const pushed = await push(first.host);
    const peer = await startPeerRegistry({ ...oddities, blobsOf: blobs });
    for (const [name, bytes] of first.manifests) peer.manifests.set(name, bytes);
    await first[Symbol.asyncDispose]();
    return Object.assign(peer, { pushed });
  }

  /** Cuts every large answer off after a part of it, so many times. */
  function breaking(
    times: number,
    asked: (string | undefined)[],
  ): NonNullable<NonNullable<Parameters<typeof startPeerRegistry>[0]>["before"]> {
    let left = times;
    return (request, response) => {
      if (request.method !== "GET" || !request.url?.includes("/blobs/")) return false;
      asked.push(request.headers.range);
      const end = response.end.bind(response) as (body?: Buffer) => unknown;
      response.end = ((body?: Buffer) => {
        if (body === undefined || body.length < 500_000 || left === 0) return end(body);
        left--;
        return response.write(body.subarray(0, 500_000), () => response.destroy());
      }) as never;
      return false;
    };
  }

  test("a download that breaks goes on where it was", async () => {
    const asked: (string | undefined)[] = [];
    await using peer = await startWith({ before: breaking(4, asked) });
    await expect(withImage(peer.host, codesOf)).resolves.toEqual([]);
    const ranges = asked.filter((range) => range !== undefined);
    expect(ranges).toHaveLength(4);
    for (const range of ranges) expect(range).toMatch(/^bytes=\d+-$/);
  });

  test.each([{ ignoresRanges: true }, { saysNoLength: true }, { isSilent: true }])(
    "and is the same with a registry that has %j",
    async (oddity) => {
      await using peer = await startWith({ before: breaking(3, []), ...oddity });
      await expect(withImage(peer.host, codesOf)).resolves.toEqual([]);
    },
  );

  test("one that always breaks at the same place ends it", async () => {
    await using peer = await startWith({ before: breaking(Infinity, []), ignoresRanges: true });
    await expect(withImage(peer.host, codesOf)).rejects.toMatchObject({ code: "registry-unreachable" });
  });

  test("the password does not go to where downloads are redirected", async () => {
    const blobs = new Map<string, Buffer>();
    await using other = await startPeerRegistry({ blobsOf: blobs });
    await using peer = await startPeerRegistry({
      blobsOf: blobs,
      downloadsAt: other.origin,
      authorization: basic,
    });
    const credentials = async () => secret;
    await push(peer.host, { credentials });
    other.shown.length = 0;
    await expect(withImage(peer.host, codesOf, { registry: { credentials } })).resolves.toEqual([]);
    expect(peer.shown).toContain(basic);
    expect(other.shown.length).toBeGreaterThanOrEqual(3);
    expect(other.shown.filter((shown) => shown !== undefined)).toEqual([]);
  });

  test("what is not there, or something else, is found", async () => {
    await using peer = await startWith({});
    const [first, second] = peer.pushed.layers;
    const bytes = peer.blobs.get(first?.digest ?? "") as Buffer;
    peer.blobs.delete(second?.digest ?? "");
    peer.blobs.set(first?.digest ?? "", Buffer.from(bytes.map((byte) => byte ^ 1)));
    const codes = await withImage(peer.host, codesOf);
    expect(codes).toContain("blob-missing");
    expect(codes).toContain("digest-mismatch");
    peer.blobs.set(first?.digest ?? "", bytes);
    peer.blobs.delete(peer.pushed.imageId);
    expect(await withImage(peer.host, codesOf)).toContain("document-missing");
  });

  test.each([{}, { saysNoLength: true }])("a blob of another size is refused: %j", async (oddity) => {
    await using peer = await startWith(oddity);
    const { digest = "" } = peer.pushed.layers[0] ?? {};
    const bytes = peer.blobs.get(digest) as Buffer;
    for (const other of [Buffer.concat([bytes, Buffer.alloc(1)]), bytes.subarray(1)]) {
      peer.blobs.set(digest, other);
      await expect(withImage(peer.host, codesOf)).rejects.toMatchObject({
        code: "registry-failed",
        message: expect.stringContaining(`not ${bytes.length}`) as string,
      });
    }
  });

  test("a manifest that is not what its digest says, or larger than any", async () => {
    await using peer = await startWith({ isSilent: true });
    const reference = { digest: peer.pushed.manifestDigest as never };
    peer.manifests.set(peer.pushed.manifestDigest, Buffer.from('{"mediaType":"x"}'));
    await expect(withImage(peer.host, codesOf, { reference })).rejects.toMatchObject({
      code: "registry-failed",
    });
    peer.manifests.set("1", Buffer.from(JSON.stringify({ mediaType: "x", x: "x".repeat(5_000_000) })));
    await expect(withImage(peer.host, codesOf)).rejects.toMatchObject({ code: "registry-failed" });
  });
});

describe("an index in a registry", () => {
  const index = "application/vnd.oci.image.index.v1+json";
  const amd64 = { os: "linux", architecture: "amd64" };
  const arm64 = { os: "linux", architecture: "arm64", variant: "v8" };

  /** A registry whose tag leads to an index of an image for each platform; what is put below one index more is nested. */
  async function startIndexed(
    platforms: readonly (object | undefined)[],
    nested = false,
  ): Promise<PeerRegistry> {
    const peer = await startPeerRegistry();
    const entries = platforms.map((platform) => {
      const config = (base: object) => ({ ...base, ...platform });
      const files = forgeFiles([{ stored: Buffer.alloc(10_240) }], { config });
      const { manifests } = JSON.parse(files.get("index.json")?.toString() ?? "") as {
        manifests: { digest: string }[];
      };
      for (const [name, bytes] of files)
        if (name.startsWith("blobs/")) peer.blobs.set(`sha256:${name.slice(13)}`, bytes);
      const [manifest] = manifests;
      peer.manifests.set(manifest?.digest ?? "", peer.blobs.get(manifest?.digest ?? "") as Buffer);
      return { ...manifest, ...(platform === undefined ? {} : { platform }) };
    });
    let bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: entries }));
    if (nested) {
      peer.manifests.set(digestOf(bytes), bytes);
      const entry = { mediaType: index, digest: digestOf(bytes), size: bytes.length, platform: platforms[0] };
      bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: [entry] }));
    }
    peer.manifests.set("1", bytes);
    return peer;
  }

  const platformsOf = async (source: ImageSource) =>
    (await readAll(source)).images.map(({ config }) => config?.architecture);

  test("is read whole, or the image that is meant alone", async () => {
    await using peer = await startIndexed([amd64, arm64]);
    await expect(withImage(peer.host, codesOf)).resolves.toEqual([]);
    await expect(withImage(peer.host, platformsOf)).resolves.toEqual(["amd64", "arm64"]);
    for (const text of ["linux/arm64", "linux/arm64/v8"]) {
      const platform = parsePlatform(text);
      peer.requests.length = 0;
      await expect(withImage(peer.host, platformsOf, { platform })).resolves.toEqual(["arm64"]);
      // The tag, the manifest, its config and its layer; the first request asks what is spoken.
      expect(peer.requests.filter((request) => request.includes("/app/"))).toHaveLength(4);
    }
  });

  test("where none or several could be meant, it is an error that says what there is", async () => {
    await using peer = await startIndexed([amd64, arm64]);
    await expect(
      withImage(peer.host, platformsOf, { platform: parsePlatform("linux/riscv64") }),
    ).rejects.toMatchObject({
      code: "image-missing",
      message: expect.stringContaining("linux/amd64, linux/arm64/v8") as string,
    });
    await expect(withImage(peer.host, platformsOf, { platform: "one" })).rejects.toMatchObject({
      code: "image-missing",
      hint: expect.stringContaining("--platform linux/amd64") as string,
    });
  });

  test("of one image, with what BuildKit says about it, below another index", async () => {
    await using peer = await startIndexed([amd64, { os: "unknown", architecture: "unknown" }], true);
    await expect(withImage(peer.host, platformsOf, { platform: "one" })).resolves.toEqual(["amd64"]);
    const platform = parsePlatform("linux/amd64");
    await expect(withImage(peer.host, platformsOf, { platform })).resolves.toEqual(["amd64"]);
    await using silent = await startIndexed([undefined]);
    await expect(withImage(silent.host, platformsOf, { platform })).resolves.toEqual(["amd64"]);
  });
});
