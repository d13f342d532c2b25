import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyBaseImage, makeBaseImage, type BaseImage } from "../support/base-image.ts";
import { startDocker, type Docker } from "../support/docker.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { fingerprint } from "../support/read-layout.ts";
import { startRegistry } from "../support/registry.ts";
import { validate } from "../support/schema.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { stowage } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { buildWorld, closureOf, type Built } from "../support/world.ts";

const ready =
  requireWorld() && requirePrograms("nix", "nix-store", "umoci", "skopeo", "dockerd", "docker", "ldd");

interface Packed {
  readonly imageId: string;
  readonly manifestDigest: string;
  readonly tags: string[];
  readonly layers: { paths: string[]; isBase?: boolean; size: number; digest: string }[];
  readonly pushed?: { sent: number }[];
}

interface Config {
  readonly author?: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: { created_by?: string; empty_layer?: boolean }[];
}

describe.skipIf(!ready)("an image on a base", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-base-"));
  let wrapped: Built;
  let base: BaseImage;
  let docker: Docker;
  beforeAll(async () => {
    wrapped = buildWorld("tests.wrapped");
    base = makeBaseImage(folder);
    docker = await startDocker();
  });
  afterAll(async () => {
    await docker[Symbol.asyncDispose]();
    wrapped[Symbol.dispose]();
    removeFolder(folder);
  });

  async function pack(...words: string[]): Promise<Packed> {
    const { stdout, stderr, exitCode } = await stowage(["pack", wrapped.link, "--json", ...words]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    return validate("pack", stdout) as unknown as Packed;
  }

  const fails = (...words: string[]): Promise<string> => failsWith(wrapped.link, ...words);

  async function failsWith(target: string, ...words: string[]): Promise<string> {
    const cwd = temporaryFolder();
    const said = await stowage(["pack", target, "-o", "out.tar", ...words], { cwd });
    expect(fingerprint(cwd)).toEqual({});
    return `${said.exitCode} ${said.stderr}`;
  }

  function configOf(archive: string): Config {
    const read = (member: string): string =>
      execFileSync("tar", ["-xOf", archive, member], { encoding: "utf8" });
    const [image] = JSON.parse(read("manifest.json")) as { Config: string }[];
    return JSON.parse(read(image?.Config ?? "")) as Config;
  }

  const inside = (image: string, ...words: string[]): Promise<string> =>
    docker.run(
      "run",
      "--rm",
      "--network",
      "none",
      "--entrypoint",
      "/bin/sh",
      ...words.slice(1),
      image,
      "-c",
      words[0] ?? "",
    );

  test("runs in Docker with the base's programs, users and places, beside its own", async () => {
    const own = join(temporaryFolder(), "own");
    writeFileSync(own, "own\n");
    const archive = join(temporaryFolder(), "image.tar");
    const words = ["--base", base.layout, "-t", "based:1", "-o", archive, "--add", `${own}:/bin/own`];
    const packed = await pack(
      ...words,
      "--add",
      `${own}:/etc/motd`,
      "--dir",
      "/tmp/mine:0700:app",
      "-u",
      "app",
    );
    await expectMatchesNix(archive);
    expect(await docker.run("load", "-i", archive)).toBe("Loaded image: based:1");
    expect(await docker.run("image", "inspect", "--format", "{{.Id}}", "based:1")).toBe(packed.imageId);
    expect(await docker.run("run", "--rm", "--network", "none", "based:1")).toBe("wrapped hello");
    expect(await inside("based:1", "id; pwd; echo $PATH $GREETING; wrapped-program")).toBe(
      "uid=1234(app) gid=4321 groups=4321\n/home/app\n/result/bin:/usr/bin:/bin hi\nwrapped hello",
    );
    expect(await inside("based:1", "cat /bin/own /etc/motd; readlink /bin /result; ls /etc", "-u", "0")).toBe(
      `own\nown\nusr/bin\n${closureOf(wrapped.link).at(-1)}\ngroup\nhostname\nhosts\nmotd\nmtab\npasswd\nresolv.conf`,
    );
    expect(await inside("based:1", "stat -c '%a %u:%g' /tmp /tmp/mine /home/app /usr/bin", "-u", "0")).toBe(
      "1777 0:0\n700 1234:4321\n755 1234:4321\n755 0:0",
    );
  });

  test("plan has the layers of the pack, the base's counted", async () => {
    const plan = async (...words: string[]) => {
      const said = await stowage(["plan", wrapped.link, "--base", base.layout, ...words]);
      expect(said).toMatchObject({ stderr: "", exitCode: 0 });
      return said.stdout;
    };
    const layersOf = async (...words: string[]) =>
      JSON.parse(await plan("--json", ...words)) as {
        base: { from: string; layers: number; paths: string[] };
        layers: { paths: string[]; size: number }[];
      };
    // Two of the base, one that is no store paths': in 4 layers there is one left for them.
    for (const limit of ["4", "125"]) {
      const planned = await layersOf("--max-layers", limit);
      const packed = await pack("--base", base.layout, "--max-layers", limit, "--dry-run");
      expect(planned.base).toEqual({ from: base.layout, layers: 2, paths: [] });
      expect(planned.layers.map(({ paths, size }) => ({ paths, size }))).toEqual(
        packed.layers.slice(2, -1).map(({ paths, size }) => ({ paths, size })),
      );
    }
    expect((await layersOf("--max-layers", "4")).layers).toHaveLength(1);
    expect(await plan()).toContain(`on top of ${base.layout}: 2 layers more`);
    const full = await stowage(["plan", wrapped.link, "--base", base.layout, "--max-layers", "3"]);
    expect(full.exitCode).toBe(2);
    expect(full.stderr).toContain("--max-layers must be a whole number from 4 to 125");
  });

  test("streamed, as a layout and compressed it is the same image", async () => {
    const out = temporaryFolder();
    const forms = [
      ["-o", join(out, "a.tar")],
      ["-o", join(out, "b.tar"), "--format", "docker-archive"],
      ["-o", join(out, "c.tar"), "--compression", "gzip"],
      ["-o", join(out, "d.tar"), "--format", "docker-archive", "--compression", "zstd:1"],
      ["-o", join(out, "layout"), "--format", "oci-dir"],
      ["-o", join(out, "packed"), "--format", "oci-dir", "--compression", "zstd:1"],
      ["--dry-run"],
    ];
    const packs: Packed[] = [];
    for (const form of forms) packs.push(await pack("--base", base.layout, "-t", "based:2", ...form));
    const [first, ...others] = packs;
    const dry = others.pop();
    for (const other of others) expect(other.imageId).toBe(first?.imageId);
    expect(dry?.layers.map(({ paths, size }) => ({ paths, size }))).toEqual(
      first?.layers.map(({ paths, size }) => ({ paths, size })),
    );
    expect(first?.layers.map(({ isBase }) => isBase ?? false)).toEqual([
      true,
      true,
      ...Array<boolean>(4).fill(false),
    ]);
    for (const name of ["a.tar", "b.tar", "c.tar", "layout", "packed"])
      await expectMatchesNix(join(out, name));
    for (const name of ["b.tar", "c.tar"]) {
      await docker.run("load", "-i", join(out, name));
      expect(await docker.run("image", "inspect", "--format", "{{.Id}}", "based:2")).toBe(first?.imageId);
      await docker.run("image", "rm", "-f", "based:2");
    }
    // The base's layers are there as they were, once.
    const below = first?.layers.filter(({ isBase }) => isBase) ?? [];
    for (const { digest } of below) {
      const name = `blobs/sha256/${digest.slice(7)}`;
      const there = execFileSync("tar", ["-xOf", join(out, "a.tar"), name], { maxBuffer: 2 ** 30 });
      expect(there.equals(readFileSync(join(base.layout, name)))).toBe(true);
      expect(readFileSync(join(out, "layout", name)).equals(there)).toBe(true);
    }
  });

  test("gives the same bytes from each form of the base", async () => {
    const out = temporaryFolder();
    copyBaseImage(base, `oci-archive:${join(out, "oci.tar")}:base`);
    copyBaseImage(base, `docker-archive:${join(out, "docker.tar")}:base:1`);
    execFileSync("docker", ["-H", docker.host, "load", "-i", join(out, "docker.tar")]);
    execFileSync("docker", ["-H", docker.host, "save", "-o", join(out, "saved.tar"), "base:1"]);
    const packs = new Map<string, Packed>();
    for (const form of ["oci", "docker", "saved"])
      packs.set(form, await pack("--base", join(out, `${form}.tar`), "-o", join(out, `${form}.out`)));
    const layout = await pack("--base", base.layout, "-o", join(out, "layout.out"));
    expect(fingerprint(join(out, "oci.out"))).toEqual(fingerprint(join(out, "layout.out")));
    // Docker's own archives have plain layers: other blobs of the same image.
    expect(fingerprint(join(out, "docker.out"))).toEqual(fingerprint(join(out, "saved.out")));
    expect(packs.get("docker")?.imageId).toBe(layout.imageId);
  });

  test("has the base's config below its own, as Docker's FROM", async () => {
    const archive = join(temporaryFolder(), "image.tar");
    const words = ["-e", "GREETING=ours", "-e", "MORE=1", "-l", "own=2", "-p", "8080", "--volume", "/more"];
    await pack("--base", base.layout, "-o", archive, ...words);
    const { author, config, history } = configOf(archive);
    expect(author).toBe("somebody");
    expect(config).toEqual({
      Env: ["PATH=/result/bin:/usr/bin:/bin", "GREETING=ours", "MORE=1"],
      Entrypoint: ["/result/bin/wrapped-program"],
      User: "app",
      WorkingDir: "/home/app",
      ExposedPorts: { "80/tcp": {}, "8080/tcp": {} },
      Volumes: { "/data": {}, "/more": {} },
      StopSignal: "SIGINT",
      Labels: { maker: "umoci", own: "2", "stowage.root.1": closureOf(wrapped.link).at(-1) },
    });
    expect(history.filter(({ empty_layer }) => empty_layer !== true)).toHaveLength(6);
    // An entrypoint that is taken away takes the base's with it.
    const data = await stowage([
      "pack",
      `${wrapped.link}/bin`,
      "--base",
      base.layout,
      "-o",
      archive,
      "--entrypoint",
      "[]",
    ]);
    expect(data.exitCode).toBe(0);
    expect(configOf(archive).config["Entrypoint"]).toBeUndefined();
    expect(configOf(archive).config["Cmd"]).toBeUndefined();
  });

  test("a base that Stowage made is not packed again, and both closures are known", async () => {
    using several = buildWorld("tests.several");
    const out = temporaryFolder();
    const below = join(out, "below.tar");
    const made = await stowage(["pack", several.link, "-o", below, "--entrypoint", "/result/bin/one"]);
    expect(made.exitCode).toBe(0);
    const clash = await fails("--base", below);
    expect(clash).toMatch(/^2 stowage: \/result is wanted by two: the base and the link to /);
    const archive = join(out, "image.tar");
    const packed = await pack("--base", below, "--link", "/app", "-o", archive);
    // The shell and its libc are in the base.
    expect(packed.layers.filter(({ isBase }) => !isBase).flatMap(({ paths }) => paths)).toEqual([
      closureOf(wrapped.link).at(-1),
    ]);
    const planned = await stowage(["plan", wrapped.link, "--base", below, "--json"]);
    const { base: found, layers } = JSON.parse(planned.stdout) as {
      base: { paths: string[] };
      layers: { paths: string[] }[];
    };
    expect(layers.map(({ paths }) => paths)).toEqual([[closureOf(wrapped.link).at(-1)]]);
    expect(found.paths.toSorted()).toEqual(closureOf(wrapped.link).slice(0, -1).toSorted());
    await expectMatchesNix(archive);
    await docker.run("load", "-i", archive);
    expect(await docker.run("run", "--rm", "--network", "none", packed.tags[0] ?? "")).toBe("wrapped hello");
    const listed = await stowage(["ls", archive, "--json"]);
    const { paths } = JSON.parse(listed.stdout) as { paths: { path: string }[] };
    const both = [...closureOf(wrapped.link), ...closureOf(several.link)];
    expect(paths.map(({ path }) => path).toSorted()).toEqual([...new Set(both)].toSorted());
    const again = await pack(
      "--base",
      below,
      "--link",
      "/app",
      "--previous",
      archive,
      "-o",
      join(out, "again.tar"),
    );
    expect(again.imageId).toBe(packed.imageId);
  });

  test("goes to a registry with the base's layers as they are, and from there nothing is sent again", async () => {
    await using registry = await startRegistry();
    const reference = `${registry.host}/team/based:1`;
    const pushed = await pack("--base", base.layout, "--push", reference);
    const written = await pack(
      "--base",
      base.layout,
      "-t",
      reference,
      "-o",
      join(temporaryFolder(), "x.tar"),
    );
    expect(pushed.manifestDigest).toBe(written.manifestDigest);
    const all = pushed.layers.reduce((sum, { size }) => sum + size, 0);
    expect(pushed.pushed?.[0]?.sent).toBeGreaterThan(all);
    expect((await pack("--base", base.layout, "--push", reference)).pushed?.[0]?.sent).toBe(0);
    const copy = `oci:${join(temporaryFolder(), "copy")}:1`;
    execFileSync("skopeo", ["copy", "--quiet", "--src-tls-verify=false", `docker://${reference}`, copy]);
    await expectMatchesNix(copy.split(":")[1] as string);
  });

  test("comes from a registry, and its layers are mounted there and not sent", async () => {
    await using registry = await startRegistry();
    const words = ["copy", "--quiet", "--dest-tls-verify=false", `oci:${base.layout}:base`];
    execFileSync("skopeo", [...words, `docker://${registry.host}/os/base:1`]);
    const from = ["--base", `${registry.host}/os/base:1`];
    const pushed = await pack(...from, "--push", `${registry.host}/team/based:1`);
    const own = pushed.layers.filter(({ isBase }) => !isBase).reduce((sum, { size }) => sum + size, 0);
    // Besides its own layers, the config.
    expect((pushed.pushed?.[0]?.sent ?? 0) - own).toBeLessThan(20_000);
    const out = temporaryFolder();
    const archive = join(out, "image.tar");
    const written = await pack(...from, "-o", archive);
    expect(written.imageId).toBe(pushed.imageId);
    await expectMatchesNix(archive);
    expect(fingerprint(archive)).toEqual(
      await pack("--base", base.layout, "-o", join(out, "other.tar")).then(() =>
        fingerprint(join(out, "other.tar")),
      ),
    );
    expect(await fails("--base", `${registry.host}/os/nothing:1`)).toMatch(
      /^5 stowage: .* has no '.*nothing:1'/,
    );
  });

  test("one that was read before is not downloaded again, neither to be pushed nor to be looked at", async () => {
    await using registry = await startRegistry();
    const words = ["copy", "--quiet", "--dest-tls-verify=false", `oci:${base.layout}:base`];
    execFileSync("skopeo", [...words, `docker://${registry.host}/os/base:1`]);
    const cache = temporaryFolder();
    const env = { ...nixEnvironment, XDG_CACHE_HOME: cache };
    const from = ["--base", `${registry.host}/os/base:1`, "-u", "app"];
    const run = async (...more: string[]): Promise<Packed> => {
      const { stdout, stderr, exitCode } = await stowage(["pack", wrapped.link, "--json", ...from, ...more], {
        env,
      });
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      return JSON.parse(stdout) as Packed;
    };
    const blobs = (): number => registry.log().split(/"GET \/v2\/os\/base\/blobs\//).length - 1;
    const first = await run("--push", `${registry.host}/team/known:1`);
    const layers = first.layers.filter(({ isBase }) => isBase).length;
    // The config too.
    await expect.poll(blobs).toBe(layers + 1);
    const second = await run("--push", `${registry.host}/team/known:2`);
    expect(second.manifestDigest).toBe(first.manifestDigest);
    expect(second.pushed?.[0]?.sent).toBe(0);
    await expect.poll(blobs).toBe(layers + 2);

    // What is damaged is nothing that is known.
    const remembered = join(cache, "stowage", "base-layers");
    for (const name of readdirSync(remembered)) truncateSync(join(remembered, name), 100);
    const archive = join(temporaryFolder(), "image.tar");
    expect((await run("-o", archive)).imageId).toBe(first.imageId);
    const { stdout } = await stowage(["cache", "--clear", "--json"], { env });
    expect(JSON.parse(stdout)).toMatchObject({ baseLayers: { entries: layers }, cleared: true });
    expect(readdirSync(remembered)).toEqual([]);
  });

  test("what does not go together is refused, and nothing is written", async () => {
    const out = temporaryFolder();
    expect(await fails("--base", join(out, "nothing"))).toMatch(/^3 stowage: there is no '.*nothing'/);
    expect(await fails("--base", base.layout, "-u", "web")).toMatch(
      /^2 stowage: --user: the base has no user 'web'/,
    );
    expect(await fails("--base", base.layout, "-u", "app:web")).toMatch(/the base has no group 'web'/);
    expect(await fails("--base", base.layout, "--link", "/usr")).toMatch(
      /^2 stowage: \/usr is wanted by two: the base and/,
    );
    expect(await fails("--base", base.layout, "--link", "/usr/bin/id/x")).toMatch(
      /\/usr\/bin\/id is wanted by two/,
    );
    expect(await fails("--base", base.layout, "--dir", "/bin/id")).toMatch(/\/usr\/bin\/id is wanted by two/);
    using data = buildWorld("tests.data");
    expect(await failsWith(data.link, "--base", base.layout, "--platform", "linux/arm64")).toMatch(
      /^2 stowage: '.*' is for linux\/amd64, and the image for linux\/arm64/,
    );
    expect(await fails("--base", base.layout, "--max-layers", "3")).toMatch(
      /--max-layers must be a whole number from 4 to 125/,
    );
  });
});
