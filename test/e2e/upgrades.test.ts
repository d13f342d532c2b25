import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, plan, type LayeringStrategyName } from "@stowage/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inTwoLanes, isLong } from "../support/campaign.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { buildWorld, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "docker-registry");

/** Releases of a service, one after the other, and what each brings; the last is no release but the same once more. */
const releases = ["first", "second", "third", "bumped", "rebased", "rebased"] as const;

/** What is compared; CI takes the one that comes nearest. */
const others = isLong ? (["popularity", "auto", "single"] as const) : (["auto"] as const);
const ways = [...others, "expected", "expected, from the previous"] as const;
type Way = (typeof ways)[number];

interface Manifest {
  readonly config: { readonly digest: string; readonly size: number };
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

/** What the registry got at one release. */
interface Moved {
  readonly bytes: number;
  readonly layers: number;
}

describe.skipIf(!ready)("upgrades of a real service on a real registry", () => {
  let registry: TestRegistry;
  const built = new Map<string, Built>();
  const folder = mkdtempSync(join(tmpdir(), "stowage-upgrades-"));
  const environment = { ...nixEnvironment, XDG_CACHE_HOME: join(folder, "cache") };
  beforeAll(async () => {
    for (const name of new Set(releases)) built.set(name, buildWorld(`tests.releases.${name}`));
    registry = await startRegistry();
  }, 300_000);
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    for (const each of built.values()) each[Symbol.dispose]();
    removeFolder(folder);
  });

  async function manifestOf(repository: string, tag: string): Promise<{ manifest: Manifest; size: number }> {
    const answer = await fetch(`${registry.url}/v2/${repository}/manifests/${tag}`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    const text = await answer.text();
    return { manifest: JSON.parse(text) as Manifest, size: Buffer.byteLength(text) };
  }

  /** Brings every release to a repository, one after the other, and holds each against what was foretold of it. */
  async function upgrade(way: Way, layers: number): Promise<Moved[]> {
    const isKept = way === "expected, from the previous";
    const layering: LayeringStrategyName = isKept ? "expected" : way;
    const repository = `${layers}/${way.replaceAll(/\W+/g, "-")}`;
    // In front of the registry: nothing fails, and what passes is counted.
    await using proxy = await startFaultProxy(registry.host, () => undefined);
    const moved: Moved[] = [];
    let before: { readonly reference: string; readonly digests: ReadonlySet<string> } | undefined;
    for (const [index, name] of releases.entries()) {
      const { link } = built.get(name) as Built;
      const previous = isKept ? before?.reference : undefined;
      const request = { layering, maxLayers: layers + 1, previous, environment };
      const foretold = await plan({ targets: [link], ...request });
      const received = proxy.received;
      const reference = `${proxy.host}/${repository}:${index}`;
      const image = await pack({
        targets: [link],
        ...request,
        push: [reference],
        jobs: 1,
      });
      const { manifest, size } = await manifestOf(repository, String(index));
      const bytes = proxy.received - received;

      // What the registry has is what was planned; the last layer has no store paths.
      expect(manifest.layers.slice(0, -1).map((layer) => layer.size)).toEqual(
        foretold.layers.map((layer) => layer.size),
      );
      const news = manifest.layers.filter((layer) => before?.digests.has(layer.digest) !== true);
      const configSize = before?.digests.has(manifest.config.digest) === true ? 0 : manifest.config.size;
      const newBytes = news.reduce((sum, layer) => sum + layer.size, 0);
      // What moved is what is new: layers, config, and the manifest, which is put under its digest and under its tag.
      expect(bytes).toBe(newBytes + configSize + (configSize === 0 ? 1 : 2) * size);
      // What the push says of itself leaves the manifest out.
      expect(image.pushed?.map(({ sent }) => sent)).toEqual([newBytes + configSize]);
      if (previous !== undefined) {
        const last = manifest.layers.length - 1;
        const isNew = (number: number): boolean =>
          before?.digests.has(manifest.layers[number]?.digest ?? "") !== true;
        const sent = [...manifest.layers.keys()].filter((number) => number < last && isNew(number));
        expect(foretold.upgrade?.sent.layers).toEqual(sent);
        expect(foretold.upgrade?.sent.size).toBe(
          newBytes - (isNew(last) ? (manifest.layers[last]?.size ?? 0) : 0),
        );
        expect(foretold.upgrade?.kept.layers).toBe(last - sent.length);
      }
      before = {
        reference,
        digests: new Set([...manifest.layers, manifest.config].map(({ digest }) => digest)),
      };
      moved.push({ bytes, layers: news.length });
    }
    return moved;
  }

  test.each(isLong ? [10, 25, 50] : [10])(
    "%i layers: what moves is what was foretold, and expected moves least",
    async (layers) => {
      const rows = new Map<Way, Moved[]>();
      await inTwoLanes(ways, async (way) => {
        rows.set(way, await upgrade(way, layers));
      });
      const sum = (way: Way): number =>
        (rows.get(way) as Moved[]).slice(1).reduce((total, { bytes }) => total + bytes, 0);
      if (isLong) process.stderr.write(describeRows(layers, rows));

      for (const way of others) {
        expect(sum("expected"), way).toBeLessThanOrEqual(sum(way));
      }
      expect(sum("expected, from the previous")).toBeLessThanOrEqual(sum("expected"));
      // The same once more: the manifest under its new tag.
      for (const way of ways) expect(rows.get(way)?.at(-1), way).toMatchObject({ layers: 0 });
      // Only the application: its own layer, the last one, config and manifest.
      expect(rows.get("expected, from the previous")?.[1]?.bytes).toBeLessThan(100_000);
    },
    600_000,
  );
});

function describeRows(layers: number, rows: ReadonlyMap<Way, readonly Moved[]>): string {
  const lines = ways.map((way) =>
    [
      way.padEnd(28),
      ...(rows.get(way) ?? []).map(({ bytes }) => (bytes / 2 ** 20).toFixed(2).padStart(8)),
    ].join(""),
  );
  return [`${layers} layers, MiB`, ...lines, ""].join("\n");
}
