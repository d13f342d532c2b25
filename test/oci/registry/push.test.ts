import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  BlockPool,
  archiveSink,
  parseCompression,
  pushDraft,
  Registry,
  Repository,
  type Codec,
  type ImageDraft,
  type LayerDraft,
  type PushedImage,
} from "@stowage/oci";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificates } from "../../support/certificates.ts";
import { imageOf, layerOf, memoryLayer, zerosEntry } from "../../support/memory-image.ts";
import { hasProgram, requirePrograms } from "../../support/programs.ts";
import { passwordAuth, startRegistry, testUser, type TestRegistry } from "../../support/registry.ts";
import { startTokenServer } from "../../support/token-server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { quickRetries } from "../../support/quick-retries.ts";
import { readFileSync } from "node:fs";

const ready = requirePrograms("docker-registry", "skopeo", "openssl");

const password = async () => ({ kind: "password" as const, ...testUser });

function someImage(): ImageDraft {
  return imageOf([layerOf("a", "one"), layerOf("b", "two"), memoryLayer([zerosEntry("/zeros", 3_000_000)])]);
}

async function push(
  registry: Registry,
  name: string,
  image: ImageDraft = someImage(),
  tags: readonly string[] = ["1"],
): Promise<PushedImage> {
  return pushDraft(image, { repository: new Repository(registry, name, "pull,push"), tags });
}

describe.skipIf(!ready)("Debian's docker-registry", () => {
  let server: TestRegistry;
  beforeAll(async () => {
    server = await startRegistry();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const requestsFor = (name: string): string[] =>
    [...server.log().matchAll(/"((?:POST|PATCH|PUT|HEAD|GET) \S+) HTTP/g)]
      .map((match) => match[1] as string)
      .filter((request) => request.includes(`/v2/${name}/`));

  test("has the image under its tags and its digest, as the archive has it", async () => {
    await using registry = new Registry(server.host);
    const pushed = await push(registry, "team/tags", someImage(), ["1", "latest"]);
    const archive = join(temporaryFolder(), "image.tar");
    const written = await archiveSink(archive).write(someImage());
    expect(pushed).toMatchObject(written);
    for (const name of [":1", ":latest", `@${pushed.manifestDigest}`]) {
      const { stdout } = await execa("skopeo", [
        "inspect",
        "--raw",
        "--tls-verify=false",
        `docker://${server.host}/team/tags${name}`,
      ]);
      expect(`sha256:${createHash("sha256").update(stdout).digest("hex")}`).toBe(pushed.manifestDigest);
    }
  });

  test("pushing again sends nothing, also where the digests must be found out", async () => {
    await using registry = new Registry(server.host);
    const first = await push(registry, "twice");
    expect(first.sent).toBeGreaterThan(3_000_000);
    const before = requestsFor("twice").length;
    const second = await push(registry, "twice");
    expect(second).toEqual({ ...first, sent: 0 });
    const requests = requestsFor("twice").slice(before);
    expect(requests.length).toBeGreaterThan(0);
    expect(requests.filter((request) => !/^(HEAD|GET) /.test(request))).toEqual([]);
  });

  test("a small layer goes up in one request, a large one in two", async () => {
    await using registry = new Registry(server.host);
    await push(registry, "requests");
    const count = (method: string): number =>
      requestsFor("requests").filter((request) => request.startsWith(`${method} /v2/requests/blobs/uploads/`))
        .length;
    // Three layers and the config.
    await expect.poll(() => ["POST", "PATCH", "PUT"].map(count)).toEqual([4, 1, 4]);
  });

  test("under another tag it sends nothing, though nothing is remembered", async () => {
    await using registry = new Registry(server.host);
    await push(registry, "tags");
    const before = requestsFor("tags").length;
    const { sent } = await push(registry, "tags", someImage(), ["2"]);
    expect(sent).toBe(0);
    expect(
      requestsFor("tags")
        .slice(before)
        .filter((request) => request.startsWith("POST")),
    ).toEqual([]);
  });

  test("a compressed layer is compressed once, whether the image under the tag has it or not", async () => {
    await using registry = new Registry(server.host);
    await using compression = new BlockPool(parseCompression("gzip") as Codec, 1);
    const made: string[] = [];
    const counted = (name: string, contents: string): LayerDraft => {
      const layer = layerOf(name, contents);
      const chunks = (): ReturnType<LayerDraft["chunks"]> => {
        made.push(contents);
        return layer.chunks();
      };
      return { ...layer, chunks };
    };
    const version = (contents: string): ImageDraft => ({
      ...imageOf([counted("a", "same"), counted("b", contents)]),
      compression,
    });
    const first = await push(registry, "compressed", version("one"));
    const second = await push(registry, "compressed", version("two"));
    expect(made.toSorted()).toEqual(["one", "same", "same", "two"]);
    expect(second.layers[0]).toEqual(first.layers[0]);
    expect(second.sent).toBeLessThan(first.sent);
  });

  test("a new version sends what is new", async () => {
    await using registry = new Registry(server.host);
    await push(registry, "version");
    const changed = imageOf([
      layerOf("a", "one"),
      layerOf("b", "three"),
      memoryLayer([zerosEntry("/zeros", 3_000_000)]),
    ]);
    const { sent } = await push(registry, "version", changed);
    expect(sent).toBeGreaterThanOrEqual(10_240);
    expect(sent).toBeLessThan(20_000);
  });

  test("layers are mounted from another repository of the registry", async () => {
    await using registry = new Registry(server.host);
    const known = (await push(registry, "mount/from")).layers;
    const repository = new Repository(registry, "mount/to", "pull,push");
    const { sent } = await pushDraft(
      someImage(),
      { repository, tags: ["1"] },
      { known, mountFrom: ["mount/from"] },
    );
    expect(sent).toBeLessThan(1000);
    expect(requestsFor("mount/to").filter((request) => request.includes("?mount="))).toHaveLength(3);
  });

  test("so are small ones whose digests nobody remembers", async () => {
    await using registry = new Registry(server.host);
    const first = await push(registry, "mount/small");
    const repository = new Repository(registry, "mount/unknown", "pull,push");
    const to = { repository, tags: ["1"] };
    const { sent } = await pushDraft(someImage(), to, { mountFrom: ["mount/small"] });
    // The large layer, which goes up in one pass, and the config.
    expect(sent).toBe(first.sent - 2 * 10_240);
  });

  test("mounting from a repository that is not there sends", async () => {
    await using registry = new Registry(server.host);
    const written = await archiveSink(join(temporaryFolder(), "x.tar")).write(someImage());
    const repository = new Repository(registry, "mount/nothing", "pull,push");
    const options = { known: written.layers, mountFrom: ["mount/missing"] };
    const { sent } = await pushDraft(someImage(), { repository, tags: ["1"] }, options);
    expect(sent).toBeGreaterThan(3_000_000);
  });

  test("an abort stops it, and no tag is there", async () => {
    await using registry = new Registry(server.host);
    const controller = new AbortController();
    const image = imageOf([memoryLayer([zerosEntry("/large", 300_000_000)])]);
    const repository = new Repository(registry, "aborted", "pull,push");
    const onBytes = (): void => controller.abort(new Error("stop"));
    const pushing = pushDraft(image, { repository, tags: ["1"] }, { signal: controller.signal, onBytes });
    await expect(pushing).rejects.toThrow("stop");
    await expect(repository.headManifest("1")).resolves.toBeUndefined();
  });
});

describe.skipIf(!ready)("who may push", () => {
  test("a name and a password", async () => {
    const folder = temporaryFolder();
    await using server = await startRegistry({ auth: passwordAuth(folder) });
    await using registry = new Registry(server.host, { credentials: password });
    await expect(push(registry, "private")).resolves.toMatchObject({ sent: expect.any(Number) as number });
    await using wrong = new Registry(server.host, {
      credentials: async () => ({ kind: "password", username: "cat", password: "wrong" }),
    });
    await expect(push(wrong, "private")).rejects.toMatchObject({ code: "registry-denied" });
    await using nobody = new Registry(server.host);
    await expect(push(nobody, "private")).rejects.toMatchObject({
      code: "registry-denied",
      hint: expect.stringContaining("docker login") as string,
    });
  });

  test("a token of a server, with a password, an identity token, or a token that ends in the middle", async () => {
    const folder = temporaryFolder();
    const { authority } = makeCertificates(folder);
    // A token that is good for no longer than a second is renewed all the time.
    await using tokens = await startTokenServer({
      signer: authority,
      users: { [testUser.username]: testUser.password },
      refreshTokens: ["identity"],
      lifetime: 1,
    });
    const token = {
      realm: tokens.realm,
      service: "test",
      issuer: "test",
      rootcertbundle: authority.certificate,
    };
    await using server = await startRegistry({ auth: { token } });
    await using registry = new Registry(server.host, { credentials: password });
    await push(registry, "team/app");
    expect(new Set(tokens.questions)).toEqual(new Set(["GET repository:team/app:pull,push as cat"]));
    await using identity = new Registry(server.host, {
      credentials: async () => ({ kind: "identity", token: "identity" }),
    });
    await push(identity, "team/other");
    expect(tokens.questions.at(-1)).toBe("POST repository:team/other:pull,push as nobody");
    await using wrong = new Registry(server.host, {
      credentials: async () => ({ kind: "identity", token: "another" }),
    });
    await expect(push(wrong, "team/other")).rejects.toMatchObject({ code: "registry-denied" });
  });

  test("one token serves all requests of a push", async () => {
    const { authority } = makeCertificates(temporaryFolder());
    await using tokens = await startTokenServer({ signer: authority });
    const token = {
      realm: tokens.realm,
      service: "test",
      issuer: "test",
      rootcertbundle: authority.certificate,
    };
    await using server = await startRegistry({ auth: { token } });
    await using registry = new Registry(server.host);
    await push(registry, "app");
    expect(tokens.questions).toEqual(["GET repository:app:pull,push as nobody"]);
  });
});

describe.skipIf(!ready)("certificates", () => {
  test("of a private authority, of nobody, and none", async () => {
    const { authority, server: pair } = makeCertificates(temporaryFolder());
    await using server = await startRegistry({ tls: { certificate: pair.certificate, key: pair.key } });
    const certificates = readFileSync(authority.certificate, "utf8");
    await using trusting = new Registry(server.host, { certificates });
    await expect(push(trusting, "app")).resolves.toMatchObject({ sent: expect.any(Number) as number });
    await using careless = new Registry(server.host, { insecure: [server.host] });
    await expect(push(careless, "app")).resolves.toMatchObject({ sent: 0 });
    await using strict = new Registry(server.host);
    await expect(push(strict, "app")).rejects.toMatchObject({
      code: "registry-unreachable",
      message: expect.stringContaining("not trusted") as string,
      hint: expect.stringContaining("--ca-file") as string,
    });
  });
});

describe.skipIf(!ready)("a registry that cannot store", () => {
  test("read-only: it says so", async () => {
    await using server = await startRegistry({ isReadOnly: true });
    await using registry = new Registry(server.host, { retry: quickRetries });
    await expect(push(registry, "app")).rejects.toMatchObject({
      code: "registry-failed",
      message: expect.stringContaining("answers 405 for layer ") as string,
      hint: "It may be read-only.",
    });
  });

  test.skipIf(!hasProgram("mount") || process.getuid?.() !== 0)(
    "full: it fails, and no tag is there",
    async () => {
      await using server = await startRegistry({ room: 1_000_000 });
      await using registry = new Registry(server.host, { retry: { ...quickRetries, attempts: 3 } });
      await expect(push(registry, "app")).rejects.toMatchObject({
        code: expect.stringMatching(/^registry-/) as string,
      });
      const repository = new Repository(registry, "app", "pull,push");
      await expect(repository.headManifest("1")).resolves.toBeUndefined();
      expect(existsSync(server.storage) && readdirSync(server.storage)).toEqual([]);
    },
  );
});
