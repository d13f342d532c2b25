import { createHash } from "node:crypto";
import {
  digestOf,
  OciError,
  openRegistryImage,
  pushDraft,
  readContents,
  Registry,
  Repository,
  verifyContents,
  type ImageDraft,
} from "@stowage/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { campaignSize, isLong, seededRandom } from "../../support/campaign.ts";
import { faultKinds, startFaultProxy, type FaultProxy } from "../../support/fault-proxy.ts";
import { fileEntry, imageOf, memoryLayer } from "../../support/memory-image.ts";
import { requirePrograms } from "../../support/programs.ts";
import { quickRetries } from "../../support/quick-retries.ts";
import { startRegistry, type TestRegistry } from "../../support/registry.ts";

const ready = requirePrograms("docker-registry");
const LAYERS = 10;

/** Ten layers that nobody has yet: those of 200 kB are hashed before they are sent, those of 1.2 MB as they are. */
function freshImage(seed: string): ImageDraft {
  const layers = Array.from({ length: LAYERS }, (_, index) => {
    const size = index % 2 === 0 ? 200_000 : 1_200_000;
    const bytes = Buffer.alloc(size, createHash("sha256").update(`${seed} ${index}`).digest());
    return memoryLayer([fileEntry(`/file-${index}`, bytes)], `layer ${index}`);
  });
  return imageOf(layers);
}

describe.skipIf(!ready)("a network that breaks", () => {
  let server: TestRegistry;
  beforeAll(async () => {
    server = await startRegistry();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** Ends where the image was read whole, each blob with its digest. */
  async function pull(registry: Registry, name: string): Promise<void> {
    await using source = await openRegistryImage(new Repository(registry, name, "pull"), { tag: "1" });
    const { findings } = await verifyContents(await readContents(source));
    expect(findings).toEqual([]);
  }

  /** What the registry has under a tag: nothing, or the digest of a manifest all of whose blobs are there and whole. */
  async function look(repository: string): Promise<string | undefined> {
    const get = async (path: string): Promise<Buffer | undefined> => {
      const response = await fetch(`${server.url}/v2/${repository}/${path}`, {
        headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      return response.ok ? bytes : undefined;
    };
    const manifest = await get("manifests/1");
    if (manifest === undefined) return undefined;
    const { config, layers } = JSON.parse(manifest.toString()) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    for (const { digest } of [config, ...layers])
      expect(digestOf((await get(`blobs/${digest}`)) ?? Buffer.alloc(0))).toBe(digest);
    return digestOf(manifest);
  }

  async function campaign(
    rate: number,
    pushes: number,
    seed: number,
  ): Promise<{ readonly proxy: FaultProxy; readonly succeeded: number; readonly size: number }> {
    const random = seededRandom(seed);
    await using proxy = await startFaultProxy(server.host, () =>
      random() < rate ? faultKinds[Math.floor(random() * faultKinds.length)] : undefined,
    );
    let succeeded = 0;
    let size = 0;
    for (let index = 0; index < pushes; index++) {
      await using registry = new Registry(proxy.host, { retry: quickRetries });
      const name = `faults-${rate * 100}/app-${index}`;
      const repository = new Repository(registry, name, "pull,push");
      const outcome = await pushDraft(freshImage(name), { repository, tags: ["1"] }).catch(() => undefined);
      size += outcome?.sent ?? 0;
      if (outcome !== undefined) succeeded++;
      expect(await look(name)).toBe(outcome?.manifestDigest);
    }
    return { proxy, succeeded, size };
  }

  test.each([
    { rate: 0.05, ci: 8, least: 1, seed: 3 },
    { rate: 0.2, ci: 12, least: 0.99, seed: 4 },
  ])(
    "$rate of the requests of a pull",
    { timeout: isLong ? 3_600_000 : 600_000 },
    async ({ rate, ci, least, seed }) => {
      const pulls = campaignSize({ ci, long: 200 });
      const name = `pulls-${rate * 100}`;
      await using direct = new Registry(server.host);
      const repository = new Repository(direct, name, "pull,push");
      const { sent } = await pushDraft(freshImage(name), { repository, tags: ["1"] });
      const random = seededRandom(seed);
      await using proxy = await startFaultProxy(server.host, () =>
        random() < rate ? faultKinds[Math.floor(random() * faultKinds.length)] : undefined,
      );
      let succeeded = 0;
      for (let index = 0; index < pulls; index++) {
        await using registry = new Registry(proxy.host, { retry: quickRetries });
        const outcome = await pull(registry, name).catch((error: unknown) => {
          if (!(error instanceof OciError)) throw error;
          return error;
        });
        if (outcome === undefined) succeeded++;
      }
      const times = proxy.answered / (pulls * sent);
      const told = `${succeeded} of ${pulls} pulls, ${JSON.stringify(proxy.faults)} in ${proxy.requests} requests, ${times.toFixed(2)} times the bytes`;
      process.stderr.write(`faults ${rate}: ${told}\n`);
      expect(succeeded / pulls, told).toBeGreaterThanOrEqual(least);
      for (const kind of faultKinds) expect(proxy.faults[kind], told).toBeGreaterThan(0);
      expect(times, told).toBeLessThan(1 + 3 * rate);
    },
  );

  test.each([
    { rate: 0.05, ci: 6, least: 1, seed: 1 },
    { rate: 0.2, ci: 10, least: 0.99, seed: 2 },
  ])(
    "$rate of the requests",
    { timeout: isLong ? 3_600_000 : 600_000 },
    async ({ rate, ci, least, seed }) => {
      const pushes = campaignSize({ ci, long: 200 });
      const { proxy, succeeded, size } = await campaign(rate, pushes, seed);
      const told = `${succeeded} of ${pushes} pushes, ${JSON.stringify(proxy.faults)} in ${proxy.requests} requests, ${(proxy.received / size).toFixed(2)} times the bytes`;
      process.stderr.write(`faults ${rate}: ${told}\n`);
      expect(succeeded / pushes, told).toBeGreaterThanOrEqual(least);
      for (const kind of faultKinds) expect(proxy.faults[kind], told).toBeGreaterThan(0);
      expect(proxy.received / size, told).toBeLessThan(1 + 3 * rate);
    },
  );
});
