import { execFileSync } from "node:child_process";
import { chmodSync, createReadStream, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extract, type Header } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pack, type PackOptions } from "@stowage/core";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildFlake, buildWorld, closureOf, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store");

interface Member {
  readonly header: Header;
  readonly contents: string;
}

interface Image {
  readonly config: {
    readonly created: string;
    readonly architecture: string;
    readonly os: string;
    readonly author?: string;
    readonly config: Record<string, unknown> & { readonly Labels: Record<string, string> };
    readonly history: readonly {
      readonly created_by: string;
      readonly comment: string;
      readonly created: string;
    }[];
    readonly rootfs: { readonly diff_ids: readonly string[] };
  };
  /** Entries of the last layer by name. */
  readonly root: ReadonlyMap<string, Member>;
  /** Names of all layers' entries, from the bottom up. */
  readonly layers: readonly (readonly string[])[];
}

describe.skipIf(!ready)("what an image holds", () => {
  let wrapped: Built;
  beforeAll(() => {
    wrapped = buildWorld("tests.wrapped");
  });
  afterAll(() => wrapped[Symbol.dispose]());

  async function packed(options: Partial<PackOptions> = {}): Promise<Image> {
    const folder = temporaryFolder();
    const layout = join(folder, "layout");
    await pack({
      targets: [wrapped.link],
      output: layout,
      format: "oci-dir",
      environment: nixEnvironment,
      ...options,
    });
    await expectMatchesNix(layout);
    const blob = (digest: string): string => join(layout, "blobs/sha256", digest.slice(7));
    const read = (path: string): never => JSON.parse(readFileSync(path, "utf8")) as never;
    const index: { manifests: { digest: string }[] } = read(join(layout, "index.json"));
    const manifest: { config: { digest: string }; layers: { digest: string }[] } = read(
      blob(index.manifests[0]?.digest as string),
    );
    const layers = [];
    for (const { digest } of manifest.layers) layers.push(await members(blob(digest)));
    return {
      config: read(blob(manifest.config.digest)),
      root: layers.at(-1) as Map<string, Member>,
      layers: layers.map((layer) => [...layer.keys()]),
    };
  }

  async function members(file: string): Promise<Map<string, Member>> {
    const found = new Map<string, Member>();
    for await (const entry of createReadStream(file).pipe(extract())) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      expect(found.has(entry.header.name)).toBe(false);
      found.set(entry.header.name, { header: entry.header, contents: Buffer.concat(chunks).toString() });
    }
    return found;
  }

  test("by default: link, users, tmp, the config of cli.md, a record of the closure", async () => {
    const { config, root, layers } = await packed();
    const target = realpathSync(wrapped.link);
    expect([...root.keys()]).toEqual([
      "/etc/",
      "/etc/group",
      "/etc/nsswitch.conf",
      "/etc/passwd",
      "/result",
      "/root/",
      "/tmp/",
      "/var/",
      "/var/empty/",
    ]);
    expect(root.get("/result")?.header).toMatchObject({ type: "symlink", linkname: target, uid: 0, gid: 0 });
    expect(root.get("/tmp/")?.header).toMatchObject({ mode: 0o1777, type: "directory" });
    expect(root.get("/etc/passwd")?.contents).toBe(
      "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/var/empty:/bin/sh\n",
    );
    expect(root.get("/etc/nsswitch.conf")?.contents).toBe("hosts: files dns\n");
    expect(config).toMatchObject({ created: "1970-01-01T00:00:01Z", os: "linux" });
    expect(config.config).toEqual({
      Env: ["PATH=/result/bin"],
      Entrypoint: ["/result/bin/wrapped-program"],
      Labels: { "stowage.root.1": target },
    });
    expect(config.history).toHaveLength(layers.length);
    expect(config.rootfs.diff_ids).toHaveLength(layers.length);
    const recorded = config.history.slice(0, -1).flatMap(({ created_by: by }) => {
      const record = JSON.parse(by.slice(by.indexOf("{"))) as {
        storeDir: string;
        paths: { path: string; narHash: string; narSize: number; references: string[] }[];
      };
      return record.paths.map((info) => ({
        ...info,
        path: `${record.storeDir}/${info.path}`,
        references: info.references.map((name) => `${record.storeDir}/${name}`),
      }));
    });
    expect(recorded.map((info) => info.path).toSorted()).toEqual(closureOf(wrapped.link).toSorted());
    for (const info of recorded) {
      const query = (what: string): string =>
        execFileSync("nix-store", ["-q", what, info.path], { env: nixEnvironment, encoding: "utf8" }).trim();
      expect(String(info.narSize)).toBe(query("--size"));
      expect(info.references).toEqual(query("--references").split("\n").filter(Boolean).toSorted());
      const hash = Buffer.from(info.narHash.slice("sha256-".length), "base64").toString("hex");
      expect(
        `sha256:${execFileSync("nix-hash", ["--type", "sha256", "--to-base32", hash], { encoding: "utf8" }).trim()}`,
      ).toBe(query("--hash"));
    }
  });

  test("every entry has its parents, in its own layer or below", async () => {
    const { layers } = await packed({ directories: [{ path: "/a/b/c" }], link: "/opt/deep/link" });
    const seen = new Set(["/"]);
    for (const name of layers.flat()) {
      const parent = `${name.replace(/\/$/, "").replace(/\/[^/]+$/, "")}/`;
      expect(seen.has(parent), name).toBe(true);
      seen.add(name);
    }
  });

  test("--bare: nothing but the link", async () => {
    const { root } = await packed({ bare: true });
    expect([...root.keys()]).toEqual(["/result"]);
  });

  test("a named user has an account and a home that is theirs; a number needs none", async () => {
    const named = await packed({ user: "app:staff" });
    expect(named.config.config["User"]).toBe("1000:1000");
    expect(named.root.get("/etc/passwd")?.contents).toContain("app:x:1000:1000:app:/home/app:/bin/sh\n");
    expect(named.root.get("/etc/group")?.contents).toContain("staff:x:1000:\n");
    expect(named.root.get("/home/app/")?.header).toMatchObject({ uid: 1000, gid: 1000, mode: 0o755 });
    const numbered = await packed({ user: "1234:5" });
    expect(numbered.config.config["User"]).toBe("1234:5");
    expect([...numbered.root.keys()].some((name) => name.startsWith("/home"))).toBe(false);
    expect((await packed({ user: "nobody" })).config.config["User"]).toBe("65534:65534");
  });

  test("flags win over --config, unknown keys pass through", async () => {
    const { config } = await packed({
      config: {
        author: "somebody",
        architecture: "amd64",
        os: "linux",
        config: {
          Env: ["A=from config", "B=kept", "PATH=/from/config"],
          Cmd: ["--from-config"],
          Labels: { a: "config", b: "kept" },
          Healthcheck: { Test: ["CMD", "/result/bin/wrapped-program"] },
          StopSignal: "SIGINT",
          ExposedPorts: { "1/tcp": {} },
        },
      },
      platform: process.arch === "arm64" ? "linux/arm64" : "linux/amd64",
      env: { A: "from flag" },
      labels: { a: "flag" },
      expose: ["8000-8001/udp"],
      volumes: ["/data"],
      workdir: "/tmp",
      stopSignal: "SIGTERM",
      created: "2026-01-31T12:00:00+02:00",
    });
    expect(config.author).toBe("somebody");
    expect(config.created).toBe("2026-01-31T10:00:00Z");
    expect(config.config).toMatchObject({
      Env: ["PATH=/from/config", "A=from flag", "B=kept"],
      Cmd: ["--from-config"],
      Entrypoint: ["/result/bin/wrapped-program"],
      Healthcheck: { Test: ["CMD", "/result/bin/wrapped-program"] },
      StopSignal: "SIGTERM",
      ExposedPorts: { "1/tcp": {}, "8000/udp": {}, "8001/udp": {} },
      Volumes: { "/data": {} },
      WorkingDir: "/tmp",
      Labels: { a: "flag", b: "kept" },
    });
  });

  test("a bare container config is taken as --config too", async () => {
    const { config } = await packed({
      config: { Entrypoint: ["/result/bin/wrapped-program", "x"], Env: ["A=1"] },
    });
    expect(config.config).toMatchObject({
      Entrypoint: ["/result/bin/wrapped-program", "x"],
      Env: ["PATH=/result/bin", "A=1"],
    });
  });

  test.each<[string, unknown]>([
    ["a list", []],
    ["Env that is no list", { Env: "A=1" }],
    ["Env without a value", { Env: ["A"] }],
    ["labels that are numbers", { Labels: { a: 1 } }],
    ["config that is no object", { config: 1 }],
  ])("--config that is %s is refused", async (_, config) => {
    await expect(packed({ config })).rejects.toMatchObject({ code: "option-invalid" });
  });

  test("created: source-date-epoch takes the variable, which alone changes nothing", async () => {
    const environment = { ...nixEnvironment, SOURCE_DATE_EPOCH: "315532800" };
    expect((await packed({ environment })).config.created).toBe("1970-01-01T00:00:01Z");
    expect((await packed({ environment, created: "source-date-epoch" })).config.created).toBe(
      "1980-01-01T00:00:00Z",
    );
  });

  test("several targets: each further one's bin is on PATH, each root has its label", async () => {
    using several = buildWorld("tests.several");
    const { config } = await packed({ targets: [wrapped.link, several.link] });
    const second = realpathSync(several.link);
    expect(config.config["Env"]).toEqual([`PATH=/result/bin:${second}/bin`]);
    expect(config.config.Labels).toEqual({
      "stowage.root.1": realpathSync(wrapped.link),
      "stowage.root.2": second,
    });
  });

  test("--copy-to-root links entries, and merges a directory that two targets have", async () => {
    const a = makePath("a-1.0", {
      "share/both/a": "a",
      "share/readme-a": "a",
      "bin/tool-a": "#!/bin/sh\n",
      "usr/bin/env": "x",
      "nix-support/y": "y",
    });
    const b = makePath("b-1.0", { "share/both/b": "b", "etc/b.conf": "b", "app.json": "{}" });
    const { root, config } = await packed({ targets: [a, b], copyToRoot: true, platform: "linux/amd64" });
    const links = [...root]
      .filter(([name, { header }]) => header.type === "symlink" && name !== "/result")
      .map(([name, { header }]) => [name, header.linkname]);
    expect(links).toEqual([
      ["/app.json", `${b}/app.json`],
      ["/bin/tool-a", `${a}/bin/tool-a`],
      ["/etc/b.conf", `${b}/etc/b.conf`],
      ["/share/both/a", `${a}/share/both/a`],
      ["/share/both/b", `${b}/share/both/b`],
      ["/share/readme-a", `${a}/share/readme-a`],
      ["/usr/bin/env", `${a}/usr/bin/env`],
    ]);
    expect(config.config["Env"]).toEqual([`PATH=/result/bin:${b}/bin:/bin:/usr/bin`]);
    const store = makePath("c-1.0", { "nix/store/x": "x" });
    await expect(
      packed({ targets: [store], copyToRoot: true, platform: "linux/amd64" }),
    ).rejects.toMatchObject({ code: "place-clash", path: "/nix/store" });
  });

  test("--with shell takes it from the closure, and from the store where the closure has none", async () => {
    using dash = buildWorld("runtimeShellPackage");
    using coreutils = buildWorld("coreutils");
    const shell = (await packed({ targets: [wrapped.link, coreutils.link], with: ["shell"] })).root;
    expect(shell.get("/bin/sh")?.header.linkname).toMatch(/-dash-[^/]*\/bin\/(sh|dash)$/);
    expect(shell.get("/usr/bin/env")?.header.linkname).toBe(`${realpathSync(coreutils.link)}/bin/env`);
    using data = buildWorld("tests.data");
    const wider = await packed({ targets: [data.link], with: ["shell"], platform: "linux/amd64" });
    expect(wider.root.get("/bin/sh")?.header.linkname).toMatch(/^\/nix\/store\/.*\/bin\/\w+$/);
    expect(wider.config.config.Labels).toEqual({ "stowage.root.1": realpathSync(data.link) });
    const shellPath = wider.root.get("/bin/sh")?.header.linkname?.split("/").slice(0, 4).join("/");
    expect(wider.layers.flat()).toContain(`${shellPath}/`);
    expect(realpathSync(dash.link)).toMatch(/dash/);
  });

  test("--with ca-certificates and tz: links to the store's, and variables that flags win over", async () => {
    // The store may have newer ones than the world's, which are then the ones.
    using cacert = buildWorld("cacert");
    using tzdata = buildWorld("tzdata");
    for (const { link } of [cacert, tzdata]) expect(realpathSync(link)).toMatch(/-(cacert|tzdata)-/);
    const extras = { with: ["ca-certificates", "tz"], env: { TZDIR: "/own" } } as const;
    const { root, config, layers } = await packed(extras);
    const bundle = root.get("/etc/ssl/certs/ca-bundle.crt")?.header.linkname ?? "";
    expect(bundle).toMatch(/^\/nix\/store\/[^/]*-cacert-[^/]*\/etc\/ssl\/certs\/ca-bundle\.crt$/);
    expect(root.get("/etc/ssl/certs/ca-certificates.crt")?.header.linkname).toBe(bundle);
    for (const place of ["/usr/share/zoneinfo", "/etc/zoneinfo"])
      expect(root.get(place)?.header.linkname).toMatch(/-tzdata-[^/]*\/share\/zoneinfo$/);
    expect(layers.flat()).toContain(bundle);
    expect(config.config["Env"]).toEqual([
      "PATH=/result/bin",
      "SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt",
      "NIX_SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt",
      "TZDIR=/own",
    ]);
  });

  test("own files keep only their executable bit; a replaced user database is the user's", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "script"), "#!/bin/sh\n");
    chmodSync(join(folder, "script"), 0o700);
    writeFileSync(join(folder, "plain"), "root:x:0:0::/:/bin/sh\n");
    chmodSync(join(folder, "plain"), 0o600);
    const files = [
      { source: join(folder, "script"), path: "/opt/script" },
      { source: join(folder, "plain"), path: "/etc/passwd" },
      { source: join(folder, "plain"), path: "/opt/suid", mode: 0o4755 },
    ];
    const { root } = await packed({ files });
    expect(root.get("/opt/script")?.header.mode).toBe(0o755);
    expect(root.get("/etc/passwd")).toMatchObject({
      header: { mode: 0o644 },
      contents: "root:x:0:0::/:/bin/sh\n",
    });
    expect(root.get("/opt/suid")?.header.mode).toBe(0o4755);
    await expect(packed({ files, user: "app" })).rejects.toMatchObject({ code: "place-clash" });
  });

  test("the platform is the entrypoint's, not this machine's; a symlinked program is followed in the closure only", async () => {
    const arm = makePath("arm-1.0", { "bin/arm": elfOf(183) });
    expect((await packed({ targets: [arm] })).config).toMatchObject({ os: "linux", architecture: "arm64" });
    const mac = makePath("mac-1.0", { "bin/mac": Buffer.from([0xcf, 0xfa, 0xed, 0xfe, 0, 0, 0, 0]) });
    await expect(packed({ targets: [mac] })).rejects.toMatchObject({
      code: "platform-unknown",
      message: expect.stringContaining("macOS"),
    });
    const outside = makePath("outside-1.0", { "bin/outside": "#!/bin/sh\n" });
    await expect(packed({ targets: [outside] })).rejects.toMatchObject({ code: "platform-unknown" });
  });

  test("a dry run says what a pack makes, and writes nothing", async () => {
    const folder = temporaryFolder();
    const options = {
      targets: [wrapped.link],
      output: join(folder, "image.tar"),
      environment: nixEnvironment,
    };
    const planned = await pack({ ...options, dryRun: true });
    expect(execFileSync("ls", ["-A", folder], { encoding: "utf8" })).toBe("");
    const made = await pack(options);
    expect(planned.layers).toEqual(made.layers.map(({ paths, size }) => ({ paths, size })));
    expect(planned.imageId).toBeUndefined();
  });

  test("the whole closure is in, once, whatever the layering", async () => {
    using fortuneCat = buildFlake("fortune-cat");
    const expected = closureOf(fortuneCat.link).toSorted();
    for (const layering of ["popularity", "single", "per-path"] as const) {
      for (const maxLayers of [2, 10, 125]) {
        const result = await pack({
          targets: [fortuneCat.link],
          layering,
          maxLayers,
          dryRun: true,
          environment: nixEnvironment,
        });
        expect(result.layers.flatMap((layer) => layer.paths).toSorted()).toEqual(expected);
        expect(result.layers.length).toBeLessThanOrEqual(maxLayers);
      }
    }
  });
});

/** A store path with these files, those in bin executable. */
function makePath(name: string, files: Readonly<Record<string, string | Buffer>>): string {
  const folder = join(temporaryFolder(), name);
  mkdirSync(folder);
  for (const [path, contents] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), contents);
    if (path.startsWith("bin/")) chmodSync(join(folder, path), 0o755);
  }
  return execFileSync("nix-store", ["--add", folder], {
    env: nixEnvironment,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
}

/** The head of a 64-bit little-endian ELF file without program headers. */
function elfOf(machine: number): Buffer {
  const head = Buffer.alloc(64);
  head.write("\u007fELF\u0002\u0001\u0001", "latin1");
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(machine, 18);
  return head;
}
