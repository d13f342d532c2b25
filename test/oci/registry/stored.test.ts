import { join } from "node:path";
import { writeFileSync } from "node:fs";
import {
  combineIndex,
  digestOf,
  openImage,
  pushStored,
  readStoredImages,
  Registry,
  Repository,
  writeStoredArchive,
  writeStoredLayout,
  parseImageName,
  type StoredImage,
} from "@stowage/oci";
import { chooseStored, attachReferrer } from "@stowage/oci/internal";
import { describe, expect, test } from "vitest";
import { forgeFiles, toArchive, writeLayout } from "../../support/forge-image.ts";
import { startPeerRegistry, type PeerRegistry } from "../../support/peer-registry.ts";
import { quickRetries } from "../../support/quick-retries.ts";
import { expectSound } from "../../support/sound-image.ts";
import { fingerprint } from "../../support/read-layout.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const retry = quickRetries;
const signature = "application/vnd.dev.cosign.artifact.sig.v1+json";

/** An archive of an empty image for a platform, which differs from others by its layer. */
function forge(platform: object, layer = 1): Buffer {
  const config = (base: object) => ({ ...base, os: "linux", ...platform });
  return toArchive(forgeFiles([{ stored: Buffer.alloc(10_240 * layer) }], { config }));
}

/** Opens an archive and reads the image that is meant. */
async function withStored<T>(archive: Buffer, work: (image: StoredImage) => Promise<T>): Promise<T> {
  const place = join(temporaryFolder(), "image.tar");
  writeFileSync(place, archive);
  await using source = await openImage(place);
  return await work(chooseStored(await readStoredImages(source), { place }));
}

async function push(peer: PeerRegistry, image: StoredImage, tag = "1"): Promise<number> {
  await using registry = new Registry(peer.host, { retry });
  const repository = new Repository(registry, "app", "pull,push");
  return (await pushStored(image, { repository, tags: [tag] })).sent;
}

/** Two images in one index. */
async function withIndex<T>(
  work: (made: ReturnType<typeof combineIndex>) => Promise<T>,
  order: readonly string[] = ["amd64", "arm64"],
): Promise<T> {
  const images = order.map((architecture) => ({ place: architecture, archive: forge({ architecture }) }));
  const combine = async (
    left: typeof images,
    done: { readonly place: string; readonly image: StoredImage }[],
  ): Promise<T> => {
    const [next, ...rest] = left;
    if (next === undefined) return work(combineIndex(done));
    return withStored(next.archive, (image) => combine(rest, [...done, { place: next.place, image }]));
  };
  return combine(images, []);
}

describe("an image that is there already", () => {
  test("is pushed as it is, once", async () => {
    await using peer = await startPeerRegistry();
    await withStored(forge({ architecture: "amd64" }), async (image) => {
      expect(await push(peer, image)).toBeGreaterThan(10_000);
      expect(peer.manifests.get("1")).toEqual(image.bytes);
      expect([...peer.manifests.keys()]).toEqual([image.digest, "1"]);
      peer.requests.length = 0;
      expect(await push(peer, image)).toBe(0);
      expect(peer.requests.filter((request) => !/^(HEAD|GET) /.test(request))).toEqual([]);
    });
  });

  test("is not tagged where a blob is not what its digest says", async () => {
    await using peer = await startPeerRegistry();
    const files = forgeFiles([{ stored: Buffer.alloc(10_240) }]);
    const [layer = ""] = [...files.keys()];
    files.set(layer, Buffer.alloc(10_240, 1));
    await withStored(toArchive(files), async (image) => {
      await expect(push(peer, image)).rejects.toMatchObject({ code: "image-corrupted" });
      expect(peer.manifests.size).toBe(0);
    });
    files.delete(layer);
    await expect(withStored(toArchive(files), async () => {})).rejects.toMatchObject({
      code: "image-corrupted",
    });
  });

  test("several in one place: the one that has the name, or none", async () => {
    const folder = temporaryFolder();
    const files = forgeFiles([{ stored: Buffer.alloc(10_240) }]);
    const others = forgeFiles([{ stored: Buffer.alloc(20_480) }]);
    const entry = (from: typeof files, name: string) => {
      const { manifests } = JSON.parse(from.get("index.json")?.toString() ?? "") as { manifests: object[] };
      return { ...manifests[0], annotations: { "io.containerd.image.name": name } };
    };
    const manifests = [entry(files, "docker.io/library/a:1"), entry(others, "docker.io/library/b:1")];
    const both = new Map([...files, ...others]);
    both.set("index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
    writeLayout(folder, both);
    await using source = await openImage(folder);
    const listed = await readStoredImages(source);
    const names = ["docker.io/library/b:1"];
    expect(chooseStored(listed, { place: "x", names }).bytes).toEqual(listed[1]?.image.bytes);
    expect(() => chooseStored(listed, { place: "x" })).toThrow(
      /holds 2 images.*library\/a:1, .*library\/b:1/,
    );
  });
});

describe("an index of several platforms", () => {
  test("is the same whatever the order, and the same in a file, a layout and a registry", async () => {
    const folder = temporaryFolder();
    const names = [parseImageName("app:1")];
    await using peer = await startPeerRegistry();
    const first = await withIndex(async ({ index, entries }) => {
      expect(entries.map(({ place }) => place)).toEqual(["amd64", "arm64"]);
      await writeStoredArchive(join(folder, "a.tar"), index, { names });
      await writeStoredLayout(join(folder, "layout"), index, { names });
      await push(peer, index);
      return index.bytes;
    });
    await withIndex(
      async ({ index }) => {
        await writeStoredArchive(join(folder, "b.tar"), index, { names });
        expect(index.bytes).toEqual(first);
      },
      ["arm64", "amd64"],
    );
    expect(fingerprint(join(folder, "a.tar"))).toEqual(fingerprint(join(folder, "b.tar")));
    await expectSound(join(folder, "a.tar"), join(folder, "layout"));
    expect(peer.manifests.get("1")).toEqual(first);
    // Read back and pushed again, it is the same index.
    for (const place of ["a.tar", "layout"]) {
      await using source = await openImage(join(folder, place));
      const image = chooseStored(await readStoredImages(source), { place });
      expect(image.bytes).toEqual(first);
      expect(await push(peer, image, place)).toBe(0);
    }
    // Into a layout that is there: what was there stays.
    await withStored(forge({ architecture: "s390x" }), (image) =>
      writeStoredLayout(join(folder, "layout"), image, { names: [parseImageName("other:1")] }),
    );
    await using source = await openImage(join(folder, "layout"));
    expect((await readStoredImages(source)).map((listed) => listed.names)).toEqual([
      ["docker.io/library/app:1"],
      ["docker.io/library/other:1"],
    ]);
  });

  test("of an index its own images count, with what is said about them", async () => {
    await withIndex(async ({ index }) => {
      await withStored(forge({ architecture: "arm", variant: "v7" }), async (image) => {
        const { entries } = combineIndex([
          { place: "index", image: index },
          { place: "arm", image },
        ]);
        expect(entries.map(({ place, platform }) => [place, platform?.architecture])).toEqual([
          ["index", "amd64"],
          ["arm", "arm"],
          ["index", "arm64"],
        ]);
      });
    });
  });

  test("says what all its images say of themselves, and what it is told", async () => {
    const say = (architecture: string, annotations: object): Buffer =>
      toArchive(
        forgeFiles([{ stored: Buffer.alloc(10_240) }], {
          config: (base) => ({ ...base, os: "linux", architecture }),
          manifest: (base) => ({ ...base, annotations }),
        }),
      );
    await withStored(say("amd64", { version: "1", vendor: "a", title: "t", "built-on": "x" }), (first) =>
      withStored(say("arm64", { vendor: "b", title: "t", version: "1" }), async (second) => {
        const images = [
          { place: "first.tar", image: first },
          { place: "second.tar", image: second },
        ];
        const { index } = combineIndex(images, { vendor: "c", title: "u" });
        expect(combineIndex(images.toReversed(), { title: "u", vendor: "c" }).index.bytes).toEqual(
          index.bytes,
        );
        const { annotations } = JSON.parse(index.bytes.toString()) as { annotations: Record<string, string> };
        expect(annotations).toEqual({ title: "u", vendor: "c", version: "1" });
        const again = combineIndex([{ place: "index", image: index }]);
        expect(again.index.bytes).toEqual(index.bytes);
      }),
    );
  });

  test.each([
    ["amd64", {}, {}],
    ["arm64", { variant: "v8" }, {}],
    ["arm", {}, { variant: "v7" }],
  ])("two images for %s %j %j are refused", async (architecture, one, other) => {
    await withStored(forge({ architecture, ...one }), (first) =>
      withStored(forge({ architecture, ...other }, 2), async (second) => {
        const images = [
          { place: "first.tar", image: first },
          { place: "second.tar", image: second },
        ];
        expect(() => combineIndex(images)).toThrow(/'first.tar' and 'second.tar'/);
      }),
    );
  });

  test("a file that cannot be written leaves nothing", async () => {
    const folder = temporaryFolder();
    await withIndex(async ({ index }) => {
      const names = [parseImageName("app:1")];
      const [blob] = index.children[0]?.blobs ?? [];
      const broken = {
        ...index,
        children: index.children.map((child) => ({
          ...child,
          blobs: child.blobs.map((each) =>
            each.digest === blob?.digest ? { ...each, digest: digestOf(Buffer.from("x")) } : each,
          ),
        })),
      };
      for (const write of [writeStoredArchive, writeStoredLayout]) {
        const place = join(folder, write.name);
        await expect(write(place, broken, { names })).rejects.toMatchObject({ code: "image-corrupted" });
        expect(fingerprint(place)).toBeUndefined();
      }
      expect(Object.keys(fingerprint(folder) ?? {})).toEqual([]);
    });
  });
});

describe("what is attached to an image", () => {
  const artifactType = "application/spdx+json";
  const content = (text: string) => {
    const bytes = Buffer.from(text);
    return {
      digest: digestOf(bytes),
      size: bytes.length,
      what: "sbom",
      async *chunks() {
        yield bytes;
      },
    };
  };

  async function attach(peer: PeerRegistry, image: StoredImage, text: string): Promise<string> {
    await using registry = new Registry(peer.host, { retry });
    const repository = new Repository(registry, "app", "pull,push");
    const subject = { ...image, size: image.bytes.length };
    return attachReferrer(repository, subject, { artifactType, content: content(text), title: "sbom.json" });
  }

  test("refers to it; a registry with a referrers API lists it, and gets no tag", async () => {
    await using peer = await startPeerRegistry({ hasReferrers: true });
    await withStored(forge({ architecture: "amd64" }), async (image) => {
      await push(peer, image);
      const digest = await attach(peer, image, "one");
      expect(await attach(peer, image, "one")).toBe(digest);
      const listed = await (await fetch(`${peer.origin}/v2/app/referrers/${image.digest}`)).json();
      expect(listed).toMatchObject({ manifests: [{ digest, artifactType }] });
      expect([...peer.manifests.keys()].filter((name) => name.startsWith("sha256-"))).toEqual([]);
    });
  });

  test("without one it is in the index under the tag that stands for it, beside what others put there", async () => {
    await using peer = await startPeerRegistry();
    await withStored(forge({ architecture: "amd64" }), async (image) => {
      await push(peer, image);
      const tag = image.digest.replace(":", "-");
      const foreign = {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: digestOf(Buffer.from("signature")),
        size: 9,
        artifactType: signature,
        annotations: { "dev.sigstore.cosign": "1" },
      };
      const index = "application/vnd.oci.image.index.v1+json";
      const before = {
        schemaVersion: 2,
        mediaType: index,
        manifests: [foreign],
        annotations: { kept: "yes" },
      };
      peer.manifests.set(tag, Buffer.from(JSON.stringify(before)));
      const one = await attach(peer, image, "one");
      const two = await attach(peer, image, "two");
      await attach(peer, image, "one");
      const after = JSON.parse(peer.manifests.get(tag)?.toString() ?? "") as {
        manifests: { digest: string }[];
        annotations: object;
      };
      expect(after.manifests[0]).toEqual(foreign);
      expect(after.annotations).toEqual({ kept: "yes" });
      expect(after.manifests.map(({ digest }) => digest)).toEqual([foreign.digest, one, two]);
      // Another push of the image leaves it alone.
      const put = peer.manifests.get(tag);
      await push(peer, image, "2");
      expect(peer.manifests.get(tag)).toBe(put);
      peer.manifests.set(tag, Buffer.from('{"mediaType":"application/vnd.oci.image.manifest.v1+json"}'));
      await expect(attach(peer, image, "three")).rejects.toMatchObject({ code: "registry-failed" });
    });
  });
});
