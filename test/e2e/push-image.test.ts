import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startContainerd } from "../support/containerd.ts";
import { startDocker } from "../support/docker.ts";
import { forgeFiles, toArchive } from "../support/forge-image.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { makePodman } from "../support/podman.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import { validate } from "../support/schema.ts";
import { stowageWords, type Said } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildWorld, type Built } from "../support/world.ts";

const ready =
  requireWorld() &&
  requirePrograms("nix", "nix-store", "docker-registry", "skopeo", "podman", "dockerd", "containerd", "ctr");

interface Pushed {
  readonly manifestDigest: string;
  readonly mediaType: string;
  readonly pushed: readonly { readonly sent: number; readonly manifestDigest: string }[];
  readonly attached: readonly { readonly manifestDigest: string }[];
}

describe.skipIf(!ready)("images that are there already", () => {
  let small: Built;
  let registry: TestRegistry;
  let other: TestRegistry;
  /** The same image as an archive and as Docker's. */
  let archive: string;
  let dockerArchive: string;
  let packed: { readonly imageId: string; readonly manifestDigest: string };
  beforeAll(async () => {
    small = buildWorld("tests.wrapped");
    registry = await startRegistry();
    other = await startRegistry();
    archive = join(small.folder, "app.tar");
    dockerArchive = join(small.folder, "docker.tar");
    const words = ["pack", small.link, "--json", "--tag", "app:1"];
    packed = JSON.parse((await run([...words, "-o", archive])).stdout) as typeof packed;
    await run([...words, "-o", dockerArchive, "--format", "docker-archive"]);
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    small[Symbol.dispose]();
  });

  async function run(words: readonly string[]): Promise<Said> {
    const cwd = small.folder;
    const [program = "", ...rest] = stowageWords;
    const env = { ...nixEnvironment, HOME: cwd, XDG_RUNTIME_DIR: cwd, DOCKER_CONFIG: "" };
    return execa(program, [...rest, ...words], { cwd, env, reject: false });
  }

  async function push(...words: string[]): Promise<Pushed> {
    const said = await run(["push", ...words, "--json"]);
    expect(said).toMatchObject({ exitCode: 0, stderr: "" });
    return validate("push", said.stdout) as unknown as Pushed;
  }

  async function inspect(place: string, ...words: string[]): Promise<{ raw: string; digest: string }> {
    const { stdout } = await execa("skopeo", ["inspect", "--raw", "--tls-verify=false", ...words, place], {
      stripFinalNewline: false,
    });
    return { raw: stdout, digest: `sha256:${createHash("sha256").update(stdout).digest("hex")}` };
  }

  test("an archive, a layout and what a registry has keep their digests; a mount sends nothing", async () => {
    const first = await push(archive, `${registry.host}/first/app:1`);
    expect(first).toMatchObject({ manifestDigest: packed.manifestDigest, platforms: ["linux/amd64"] });
    expect((await inspect(`docker://${registry.host}/first/app:1`)).digest).toBe(packed.manifestDigest);
    const layout = join(temporaryFolder(), "layout");
    await execa("skopeo", ["copy", "-q", "--preserve-digests", `oci-archive:${archive}`, `oci:${layout}`]);
    expect(await push(layout, `${registry.host}/first/app:2`)).toMatchObject({
      manifestDigest: packed.manifestDigest,
      pushed: [{ sent: 0 }],
    });
    const mounted = await push(`${registry.host}/first/app:1`, `${registry.host}/second/app:1`);
    expect(mounted).toMatchObject({ manifestDigest: packed.manifestDigest, pushed: [{ sent: 0 }] });
    const moved = await push(`${registry.host}/second/app:1`, `${other.host}/app:1`);
    expect(moved.manifestDigest).toBe(packed.manifestDigest);
    expect(moved.pushed[0]?.sent).toBeGreaterThan(5_000_000);
    const verified = await run(["verify", `${other.host}/app:1`, "--json"]);
    expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: "matches-nix" });
  });

  test("a docker-archive, Stowage's and the engine's, keeps its image ID; engine and skopeo push what is read back", async () => {
    await using docker = await startDocker();
    await docker.run("load", "-q", "-i", dockerArchive);
    const saved = join(temporaryFolder(), "saved.tar");
    await docker.run("save", "-o", saved, "app:1");
    for (const [index, file] of [dockerArchive, saved].entries()) {
      const reference = `${registry.host}/docker/app:${index}`;
      const pushed = await push(file, reference);
      const { raw, digest } = await inspect(`docker://${reference}`);
      expect(pushed.manifestDigest).toBe(digest);
      expect((JSON.parse(raw) as { config: { digest: string } }).config.digest).toBe(packed.imageId);
      expect(await push(file, reference)).toMatchObject({ pushed: [{ sent: 0 }] });
      await docker.run("pull", "-q", reference);
      expect(await docker.run("image", "inspect", "--format", "{{.Id}}", reference)).toBe(packed.imageId);
    }
    // The engine compresses layers and writes manifests of its own.
    const reference = `${registry.host}/engine/app:1`;
    await docker.run("tag", "app:1", reference);
    await docker.run("push", "-q", reference);
    const copied = `${registry.host}/skopeo/app:1`;
    const flags = ["-q", "--dest-tls-verify=false"];
    await execa("skopeo", ["copy", ...flags, `docker-archive:${dockerArchive}`, `docker://${copied}`]);
    for (const image of [reference, copied]) {
      const verified = await run(["verify", image, "--json"]);
      expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: "matches-nix", form: "registry" });
      expect(await run(["diff", image, archive])).toMatchObject({ exitCode: 0 });
      const again = await push(image, `${other.host}/again:1`);
      expect(again.manifestDigest).toBe((await inspect(`docker://${image}`)).digest);
    }
  });

  test("an SBOM is attached; a signature of cosign's is found after skopeo copy, and no push takes it away", async () => {
    const folder = temporaryFolder();
    const sbom = join(folder, "sbom.json");
    writeFileSync(sbom, '{"spdxVersion":"SPDX-2.3"}');
    // The shape that cosign gives signatures as referrers.
    const bundle = join(folder, "bundle.json");
    writeFileSync(bundle, '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}');
    const reference = `${registry.host}/signed/app:1`;
    const attach = ["--attach", `application/spdx+json=${sbom}`];
    attach.push("--attach", `application/vnd.dev.sigstore.bundle.v0.3+json=${bundle}`);
    const { manifestDigest, attached } = await push(archive, reference, ...attach);
    const tag = manifestDigest.replace(":", "-");
    const listed = async (host: string, name = "signed/app") =>
      (
        JSON.parse((await inspect(`docker://${host}/${name}:${tag}`)).raw) as {
          manifests: { digest: string }[];
        }
      ).manifests;
    expect((await listed(registry.host)).map(({ digest }) => digest)).toEqual(
      attached.map((one) => one.manifestDigest),
    );
    const artifact = await inspect(`docker://${registry.host}/signed/app@${attached[0]?.manifestDigest}`);
    expect(JSON.parse(artifact.raw)).toMatchObject({
      artifactType: "application/spdx+json",
      subject: { digest: manifestDigest },
      layers: [{ annotations: { "org.opencontainers.image.title": "sbom.json" } }],
    });

    // As cosign writes them: an image whose layer is the signed claim, under a tag named by the digest; and a referrer.
    await putSignature(registry, "signed/app", `${tag}.sig`);
    const before = await inspect(`docker://${registry.host}/signed/app:${tag}.sig`);
    expect((await push(archive, reference, ...attach)).attached).toEqual(attached);
    await push(small.link, `${registry.host}/signed/app:2`);
    expect(await inspect(`docker://${registry.host}/signed/app:${tag}.sig`)).toEqual(before);
    expect(await listed(registry.host)).toHaveLength(2);

    const copy = (name: string, ...more: string[]) => {
      const flags = ["-q", "--all", ...more, "--src-tls-verify=false", "--dest-tls-verify=false"];
      const [from, to] = [registry.host, other.host].map((host) => `docker://${host}/signed/app:${name}`);
      return execa("skopeo", ["copy", ...flags, from ?? "", to ?? ""]);
    };
    await copy("1", "--preserve-digests");
    await copy(`${tag}.sig`, "--preserve-digests");
    // Of an index of referrers skopeo keeps no artifact types, so not its digest, but what it names.
    await copy(tag);
    expect((await listed(other.host)).map(({ digest }) => digest)).toEqual(
      expect.arrayContaining(attached.map((one) => one.manifestDigest)),
    );
    for (const { manifestDigest: referrer } of attached)
      expect(JSON.parse((await inspect(`docker://${other.host}/signed/app@${referrer}`)).raw)).toMatchObject({
        subject: { digest: manifestDigest },
      });
    expect((await inspect(`docker://${other.host}/signed/app:1`)).digest).toBe(manifestDigest);
    expect(await inspect(`docker://${other.host}/signed/app:${tag}.sig`)).toEqual(before);
    // And an image is still an image with all of that beside it.
    expect(await run(["verify", `${other.host}/signed/app:1`])).toMatchObject({ exitCode: 0 });
  });

  /** Puts what `cosign sign` leaves. */
  async function putSignature({ url }: TestRegistry, name: string, tag: string): Promise<void> {
    const blob = async (bytes: Buffer): Promise<{ digest: string; size: number }> => {
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      const begun = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: "POST" });
      const location = `${begun.headers.get("location")}&digest=${digest}`;
      const put = await fetch(location, { method: "PUT", body: new Uint8Array(bytes) });
      expect(put.status).toBe(201);
      return { digest, size: bytes.length };
    };
    const claim = await blob(Buffer.from('{"critical":{"type":"cosign container image signature"}}'));
    const config = await blob(
      Buffer.from('{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'),
    );
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: [
        {
          mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
          ...claim,
          annotations: { "dev.cosignproject.cosign/signature": "MEUCIQ==" },
        },
      ],
    };
    const headers = { "content-type": manifest.mediaType };
    const body = JSON.stringify(manifest);
    const put = await fetch(`${url}/v2/${name}/manifests/${tag}`, { method: "PUT", headers, body });
    expect(put.status).toBe(201);
  }

  test.each([
    [["push", "ARCHIVE", "REGISTRY/a", "--attach", "sbom"], 2, /not a type and a file/],
    [["push", "ARCHIVE", "REGISTRY/a", "--attach", "spdx=/etc/hostname"], 2, /'spdx' is not a media type/],
    [["push", "ARCHIVE", "REGISTRY/a", "--attach", "a/b=/no-such-file"], 4, /cannot read '\/no-such-file'/],
    [["push", "ARCHIVE", "REGISTRY/a", "--platform", "linux/arm64"], 3, /has no image for linux\/arm64/],
    [["push", "REGISTRY/none:1", "REGISTRY/a"], 5, /has no '/],
    [["push", "ARCHIVE", "REGISTRY/a", "--compression", "zstd"], 2, /is an image, which is pushed as it is/],
    [["index", "REGISTRY/a", "ARCHIVE", "--annotation", "sorce=x"], 2, /--annotation sorce: it is neither/],
    [["pack", "ARCHIVE", "--attach", "a/b=c"], 3, /is not in the Nix store/],
    [["index", "REGISTRY/a", "ARCHIVE", "ARCHIVE"], 2, /two images for linux\/amd64: .* twice/],
    [["index", "REGISTRY/a"], 2, /an index of no images/],
    [["index", "REGISTRY/a", "ARCHIVE", "--tag", "x"], 2, /are of an output/],
    [["index", "REGISTRY/a", "/no-such-file"], 3, /there is no '\/no-such-file'/],
  ] as const)("%j ends with %i", async (words, exitCode, says) => {
    const said = await run(
      words.map((word) => word.replace("ARCHIVE", archive).replace("REGISTRY", registry.host)),
    );
    expect(said.stderr).toMatch(says);
    expect(said.exitCode).toBe(exitCode);
    expect(said.stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
  });

  describe("an index", () => {
    /** Archives of images that say what they are for, and no more. */
    function forge(): string[] {
      const folder = temporaryFolder();
      return ["amd64", "arm64"].map((architecture, index) => {
        const config = (base: object) => ({ ...base, architecture });
        const file = join(folder, `${architecture}.tar`);
        writeFileSync(
          file,
          toArchive(forgeFiles([{ stored: Buffer.alloc(10_240 * (index + 1)) }], { config })),
        );
        return file;
      });
    }

    test("of images in several repositories of its registry sends none of their blobs", async () => {
      const places: string[] = [];
      for (const [position, image] of forge().entries()) {
        const place = `${registry.host}/each/of-${position}:1`;
        await push(image, place);
        places.push(place);
      }
      const said = await run(["index", `${registry.host}/all/app:1`, ...places, "--json"]);
      expect(said).toMatchObject({ exitCode: 0, stderr: "" });
      expect(validate("index", said.stdout)).toMatchObject({ pushed: [{ sent: 0 }] });
      expect(await run(["verify", `${registry.host}/all/app:1`])).toMatchObject({ exitCode: 0 });
    });

    test("is the same in a registry, an archive and a layout, and each reader finds its platform", async () => {
      const images = forge();
      const folder = temporaryFolder();
      const reference = `${registry.host}/many/app:1`;
      const annotated = ["--annotation", "revision=4f2c"];
      const said = await run(["index", reference, ...images, ...annotated, "--json"]);
      expect(said).toMatchObject({ exitCode: 0, stderr: "" });
      const made = validate("index", said.stdout) as unknown as Pushed & { images: { platform: string }[] };
      expect(made.images.map(({ platform }) => platform)).toEqual(["linux/amd64", "linux/arm64"]);
      const file = join(folder, "app.tar");
      const layout = join(folder, "layout");
      const named = ["--tag", "many:1", "--json"];
      const written = await run(["index", "-o", file, ...images.toReversed(), ...annotated, ...named]);
      const second = await run([
        "index",
        "-o",
        layout,
        "--format",
        "oci-dir",
        file,
        "--tag",
        "many:1",
        "--json",
      ]);
      for (const { stdout } of [written, second])
        expect(validate("index", stdout)).toMatchObject({
          manifestDigest: made.manifestDigest,
          output: expect.any(String) as string,
        });
      const raw = await inspect(`docker://${reference}`);
      expect(JSON.parse(raw.raw)).toMatchObject({
        annotations: { "org.opencontainers.image.revision": "4f2c" },
      });
      expect(raw.digest).toBe(made.manifestDigest);
      // Whole, from both, and from one registry to another.
      for (const [index, place] of [file, layout, reference].entries())
        expect((await push(place, `${other.host}/many:${index}`)).manifestDigest).toBe(made.manifestDigest);
      for (const place of [file, layout, reference]) {
        const verified = await run(["verify", place, "--json"]);
        expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: "well-formed", images: [{}, {}] });
      }

      const podman = makePodman();
      const architectures: string[] = [];
      for (const architecture of ["amd64", "arm64"]) {
        const overriding = [`--override-arch=${architecture}`, "--override-os=linux"];
        for (const place of [`docker://${reference}`, `oci-archive:${file}`, `oci:${layout}`]) {
          const tls = place.startsWith("docker:") ? ["--tls-verify=false"] : [];
          const { stdout } = await execa("skopeo", [...overriding, "inspect", ...tls, place]);
          architectures.push((JSON.parse(stdout) as { Architecture: string }).Architecture);
        }
        await podman("pull", "-q", "--tls-verify=false", `--arch=${architecture}`, reference);
        const shown = await podman("image", "inspect", "--format", "{{.Architecture}}", reference);
        architectures.push(shown.stdout);
        const one = await push(
          file,
          `${other.host}/one:${architecture}`,
          "--platform",
          `linux/${architecture}`,
        );
        expect(one).toMatchObject({
          platforms: [`linux/${architecture}`],
          mediaType: expect.stringContaining("manifest") as string,
        });
      }
      expect(architectures).toEqual([...Array<string>(4).fill("amd64"), ...Array<string>(4).fill("arm64")]);

      const containerd = await startContainerd();
      await containerd.ctr("image", "import", "--all-platforms", "--no-unpack", file);
      const { stdout } = await containerd.ctr("image", "ls");
      expect(stdout).toMatch(
        new RegExp(`docker.io/library/many:1 .*${made.manifestDigest}.*linux/amd64,linux/arm64`),
      );
      await containerd.ctr("image", "pull", "--plain-http", "--platform", "linux/arm64", reference);
      expect(readFileSync(join(layout, "index.json"), "utf8")).toContain("docker.io/library/many:1");
    });
  });
});
