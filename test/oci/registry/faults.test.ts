import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  type RegistryOptions,
} from "@stowage/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { campaignSize, isLong, seededRandom } from "../../support/campaign.ts";
import { makeCertificates, type Certificate } from "../../support/certificates.ts";
import { faultKinds, startFaultProxy, type FaultKind, type FaultProxy } from "../../support/fault-proxy.ts";
import { fileEntry, imageOf, memoryLayer } from "../../support/memory-image.ts";
import { requirePrograms } from "../../support/programs.ts";
import { quickRetries } from "../../support/quick-retries.ts";
import { startRegistry, testUser, type TestRegistry } from "../../support/registry.ts";
import { removeFolder } from "../../support/temporary-folder.ts";
import { startTokenServer, type TokenServer } from "../../support/token-server.ts";

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

/** Says what goes wrong with a request. */
type Faults = () => FaultKind | undefined;

function faultsAt(rate: number, seed: number): Faults {
  const random = seededRandom(seed);
  return () => (random() < rate ? faultKinds[Math.floor(random() * faultKinds.length)] : undefined);
}

/** Where a campaign pushes to. */
interface Place {
  readonly server: TestRegistry;
  /** Whose TLS is spoken in front of it. */
  readonly front?: Certificate;
  readonly options?: RegistryOptions;
  /** Breaks requests to others than the registry as its own are. */
  readonly break?: (faults: Faults) => void;
  /** What is shown to it to read a repository. */
  readonly authorization?: (repository: string) => Promise<string>;
}

interface Campaign {
  readonly rate: number;
  readonly ci: number;
  /** The share of pushes that succeed. */
  readonly least: number;
  readonly seed: number;
}

const timeout = isLong ? 3_600_000 : 600_000;

/** What a registry has under a tag: nothing, or the digest of a manifest all of whose blobs are there and whole. */
async function look({ server, authorization }: Place, repository: string): Promise<string | undefined> {
  const shown = await authorization?.(repository);
  const get = async (path: string): Promise<Buffer | undefined> => {
    const response = await fetch(`${server.url}/v2/${repository}/${path}`, {
      headers: {
        accept: "application/vnd.oci.image.manifest.v1+json",
        ...(shown === undefined ? {} : { authorization: shown }),
      },
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

async function campaign(place: Place, { rate, ci, least, seed }: Campaign): Promise<void> {
  const pushes = campaignSize({ ci, long: 200 });
  const faults = faultsAt(rate, seed);
  await using proxy = await startFaultProxy(place.server.host, faults, place.front);
  place.break?.(faults);
  let succeeded = 0;
  let size = 0;
  for (let index = 0; index < pushes; index++) {
    await using registry = new Registry(proxy.host, { retry: quickRetries, ...place.options });
    const name = `faults-${rate * 100}/app-${index}`;
    const repository = new Repository(registry, name, "pull,push");
    const outcome = await pushDraft(freshImage(name), { repository, tags: ["1"] }).catch(() => undefined);
    size += outcome?.sent ?? 0;
    if (outcome !== undefined) succeeded++;
    expect(await look(place, name)).toBe(outcome?.manifestDigest);
  }
  const told = `${succeeded} of ${pushes} pushes, ${JSON.stringify(proxy.faults)} in ${proxy.requests} requests, ${(proxy.received / size).toFixed(2)} times the bytes`;
  process.stderr.write(`faults ${rate}${place.front === undefined ? "" : " with TLS and tokens"}: ${told}\n`);
  expect(succeeded / pushes, told).toBeGreaterThanOrEqual(least);
  for (const kind of faultKinds) expect(proxy.faults[kind], told).toBeGreaterThan(0);
  expect(proxy.received / size, told).toBeLessThan(1 + 3 * rate);
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

  test.each([
    { rate: 0.05, ci: 8, least: 1, seed: 3 },
    { rate: 0.2, ci: 12, least: 0.99, seed: 4 },
  ])("$rate of the requests of a pull", { timeout }, async ({ rate, ci, least, seed }) => {
    const pulls = campaignSize({ ci, long: 200 });
    const name = `pulls-${rate * 100}`;
    await using direct = new Registry(server.host);
    const repository = new Repository(direct, name, "pull,push");
    const { sent } = await pushDraft(freshImage(name), { repository, tags: ["1"] });
    await using proxy = await startFaultProxy(server.host, faultsAt(rate, seed));
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
  });

  test.each([
    { rate: 0.05, ci: 6, least: 1, seed: 1 },
    { rate: 0.2, ci: 10, least: 0.99, seed: 2 },
  ])("$rate of the requests", { timeout }, (settings) => campaign({ server }, settings));
});

describe.skipIf(!requirePrograms("docker-registry", "openssl"))(
  "a network that breaks TLS and logins",
  () => {
    let folder: string;
    let certificates: ReturnType<typeof makeCertificates>;
    let tokens: TokenServer;
    let tokenProxy: FaultProxy;
    let server: TestRegistry;
    let faults: Faults = () => undefined;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "stowage-faults-"));
      certificates = makeCertificates(folder);
      const { username, password } = testUser;
      // Six seconds less a margin of five: pushes live through the end of their tokens.
      const settings = { signer: certificates.authority, users: { [username]: password }, lifetime: 6 };
      tokens = await startTokenServer(settings);
      tokenProxy = await startFaultProxy(new URL(tokens.realm).host, () => faults(), certificates.server);
      const realm = `https://${tokenProxy.host}/token`;
      const rootcertbundle = certificates.authority.certificate;
      server = await startRegistry({
        auth: { token: { realm, service: "test", issuer: "test", rootcertbundle } },
      });
    });
    afterAll(async () => {
      for (const one of [server, tokenProxy, tokens]) await one[Symbol.asyncDispose]();
      removeFolder(folder);
    });

    test.each([
      { rate: 0.05, ci: 5, least: 1, seed: 5 },
      { rate: 0.2, ci: 6, least: 0.99, seed: 6 },
    ])("$rate of the requests, those for tokens too", { timeout }, async (settings) => {
      const place: Place = {
        server,
        front: certificates.server,
        options: {
          certificates: readFileSync(certificates.authority.certificate, "utf8"),
          credentials: async () => ({ kind: "password", ...testUser }),
        },
        break: (broken) => void (faults = broken),
        async authorization(repository) {
          const login = Buffer.from(`${testUser.username}:${testUser.password}`).toString("base64");
          const question = `${tokens.realm}?service=test&scope=repository:${repository}:pull`;
          const answer = await fetch(question, { headers: { authorization: `Basic ${login}` } });
          return `Bearer ${((await answer.json()) as { token: string }).token}`;
        },
      };
      const asked = tokenProxy.requests;
      await campaign(place, settings);
      const renewals = tokenProxy.requests - asked;
      expect(renewals).toBeGreaterThanOrEqual(campaignSize({ ci: settings.ci, long: 200 }));
    });
  },
);
