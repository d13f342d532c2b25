import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  openRegistryImage,
  pushDraft,
  readContents,
  Registry,
  Repository,
  verifyContents,
  type PushedImage,
  type RegistryOptions,
} from "@stowage/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificates } from "../../support/certificates.ts";
import { freePort } from "../../support/free-port.ts";
import { startHttpProxy } from "../../support/http-proxy.ts";
import { imageOf, layerOf, memoryLayer, zerosEntry } from "../../support/memory-image.ts";
import { requirePrograms } from "../../support/programs.ts";
import { quickRetries as retry } from "../../support/quick-retries.ts";
import { passwordAuth, startRegistry, testUser, type TestRegistry } from "../../support/registry.ts";
import { removeFolder } from "../../support/temporary-folder.ts";

const ready = requirePrograms("docker-registry", "openssl");
const image = imageOf([layerOf("a", "one"), memoryLayer([zerosEntry("/zeros", 3_000_000)])]);
const login = Buffer.from("dog:canary-9c1e").toString("base64");

async function push(name: string, options: RegistryOptions): Promise<PushedImage> {
  await using registry = new Registry(name, { retry, ...options });
  return pushDraft(image, { repository: new Repository(registry, "app", "pull,push"), tags: ["1"] });
}

describe.skipIf(!ready)("through a proxy", () => {
  let secure: TestRegistry;
  let plain: TestRegistry;
  let certificates: ReturnType<typeof makeCertificates>;
  let trust: string;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "stowage-proxies-"));
    certificates = makeCertificates(folder, ["DNS:registry.test", "DNS:localhost"]);
    trust = readFileSync(certificates.authority.certificate, "utf8");
    secure = await startRegistry({ tls: certificates.server, auth: passwordAuth(folder) });
    plain = await startRegistry();
  });
  afterAll(async () => {
    await secure[Symbol.asyncDispose]();
    await plain[Symbol.asyncDispose]();
    removeFolder(folder);
  });

  const resolve = (place: string): string | undefined =>
    ({ "registry.test:5000": secure.host, "other.test:443": secure.host, "plain.test:5000": plain.host })[
      place
    ];
  const credentials = async () => ({ kind: "password", ...testUser }) as const;

  test.each(["", "http://dog:canary-9c1e@", "https://"])(
    "%sHOST:PORT: an image goes to a registry that speaks TLS, and comes back",
    async (start) => {
      const isSecure = start.startsWith("https");
      const proxy = await startHttpProxy({ resolve, tls: isSecure ? certificates.server : undefined });
      const options = {
        credentials,
        certificates: trust,
        environment: {
          HTTPS_PROXY: start + (isSecure ? proxy.host.replace("127.0.0.1", "localhost") : proxy.host),
        },
      };
      const pushed = await push("registry.test:5000", options);
      expect((await push("registry.test:5000", options)).sent).toBe(0);
      const shown = start.includes("@") ? ` as Basic ${login}` : "";
      expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT registry.test:5000${shown}`]));
      await using registry = new Registry("registry.test:5000", { retry, ...options });
      const repository = new Repository(registry, "app", "pull");
      await using source = await openRegistryImage(repository, { digest: pushed.manifestDigest });
      expect((await verifyContents(await readContents(source))).findings).toEqual([]);
    },
  );

  test("another host's certificate is told as such, at once", async () => {
    const proxy = await startHttpProxy({ resolve });
    const options = { certificates: trust, environment: { HTTPS_PROXY: proxy.host } };
    await expect(push("other.test", options)).rejects.toMatchObject({
      code: "registry-unreachable",
      message: "other.test cannot be reached: its certificate is not trusted (ERR_TLS_CERT_ALTNAME_INVALID)",
    });
    expect(proxy.asked).toHaveLength(1);
  });

  test("an insecure registry whose name only the proxy knows, in plain HTTP and in TLS", async () => {
    const proxy = await startHttpProxy({ resolve });
    const both = { HTTP_PROXY: proxy.host, HTTPS_PROXY: proxy.host };
    for (const environment of [{ HTTP_PROXY: proxy.host }, both]) {
      await push("plain.test:5000", { insecure: ["plain.test:5000"], environment });
      expect(proxy.asked.some((asked) => asked.startsWith("HEAD http://plain.test:5000/v2/app/"))).toBe(true);
      proxy.asked.length = 0;
    }
    await push("registry.test:5000", { insecure: ["registry.test:5000"], environment: both, credentials });
    expect(new Set(proxy.asked)).toEqual(new Set(["CONNECT registry.test:5000"]));
  });

  test("one that leads to no TLS leads to plain HTTP, where that is spoken", async () => {
    const proxy = await startHttpProxy({
      resolve,
      refuse: (method) => (method === "CONNECT" ? 403 : undefined),
    });
    const environment = { HTTP_PROXY: proxy.host, HTTPS_PROXY: proxy.host };
    await push("plain.test:5000", { insecure: ["plain.test:5000"], environment });
    await expect(
      push("registry.test:5000", { insecure: ["registry.test:5000"], environment, credentials }),
    ).rejects.toMatchObject({
      code: "registry-unreachable",
      message: "registry.test:5000 cannot be reached: the proxy of HTTPS_PROXY answers 403",
    });
  });

  test("plain HTTP is spoken to nobody who is not said to be insecure", async () => {
    const proxy = await startHttpProxy({ resolve });
    const environment = { HTTP_PROXY: proxy.host, HTTPS_PROXY: proxy.host };
    await expect(push("plain.test:5000", { environment })).rejects.toMatchObject({
      code: "registry-unreachable",
      message: "plain.test:5000 cannot be reached: it does not speak TLS",
    });
    expect(proxy.asked).toEqual(["CONNECT plain.test:5000"]);
  });

  test("NO_PROXY names networks too", async () => {
    const proxy = await startHttpProxy({ resolve, refuse: () => 403 });
    const name = `192.0.2.7:${await freePort()}`;
    const asked = async (NO_PROXY: string): Promise<boolean> => {
      proxy.asked.length = 0;
      const environment = { HTTPS_PROXY: proxy.host, NO_PROXY };
      await using registry = new Registry(name, { retry: { ...retry, attempts: 1 }, environment });
      const asking = new Repository(registry, "app", "pull").headManifest("1", AbortSignal.timeout(500));
      await expect(asking).rejects.toThrow();
      return proxy.asked.length > 0;
    };
    for (const network of ["192.0.2.0/24", "a.test, 192.0.0.0/16", "192.0.2.7/32", "192.0.2.7"])
      expect(await asked(network), network).toBe(false);
    for (const network of ["192.0.3.0/24", "192.0.2.0/33", "::/0", "192.0.2.0", "x/8"])
      expect(await asked(network), network).toBe(true);
  });

  test("one that says later is asked again, one that says no is not", async () => {
    let left = 2;
    const busy = await startHttpProxy({ resolve, refuse: () => (left-- > 0 ? 503 : undefined) });
    const options = { credentials, certificates: trust };
    await push("registry.test:5000", { ...options, environment: { HTTPS_PROXY: busy.host } });
    expect(left).toBeLessThan(0);
    for (const status of [403, 407]) {
      const refusing = await startHttpProxy({ resolve, refuse: () => status });
      await expect(
        push("registry.test:5000", { ...options, environment: { HTTPS_PROXY: refusing.host } }),
      ).rejects.toMatchObject({
        code: "registry-unreachable",
        message: `registry.test:5000 cannot be reached: the proxy of HTTPS_PROXY answers ${status}`,
      });
      expect(refusing.asked).toHaveLength(1);
    }
  });

  test("one that is not there is told as the proxy", async () => {
    const cases = [
      ["registry.test", `127.0.0.1:${await freePort()}`, "HTTPS_PROXY", "nobody listens there"],
      ["registry.test", "proxy.invalid:8080", "HTTPS_PROXY", "there is no such host"],
      ["plain.test", "proxy.invalid:8080", "HTTP_PROXY", "there is no such host"],
    ] as const;
    for (const [name, place, variable, reason] of cases) {
      const environment = { [variable]: `http://dog:canary-9c1e@${place}` };
      const insecure = name === "plain.test" ? [name] : [];
      await expect(push(name, { insecure, environment })).rejects.toMatchObject({
        code: "registry-unreachable",
        message: `${name} cannot be reached: the proxy of ${variable} cannot be reached: ${reason}`,
        hint: `Check ${variable} and NO_PROXY.`,
      });
    }
  });

  test.each([
    "http://dog:canary-9c1e@",
    "socks5://dog:canary-9c1e@127.0.0.1:1",
    "dog:canary-9c1e@a b",
    "ht!tp://x",
    "http://dog:canary-9c1e%@127.0.0.1:1",
  ])("%j names no proxy, and is not shown", async (HTTPS_PROXY) => {
    const pushing = push("registry.test", { environment: { HTTPS_PROXY } });
    await expect(pushing).rejects.toMatchObject({
      code: "registry-unreachable",
      message: "HTTPS_PROXY in the environment names no proxy",
      hint: expect.stringContaining("HTTPS_PROXY=http://HOST:PORT") as string,
    });
  });
});
