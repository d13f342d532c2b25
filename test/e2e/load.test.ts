import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startContainerd } from "../support/containerd.ts";
import { makeCertificates } from "../support/certificates.ts";
import { findNewDockerd, startDocker, type Docker } from "../support/docker.ts";
import { freePort } from "../support/free-port.ts";
import { startEngineProxy } from "../support/engine-proxy.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { podmanLimits } from "../support/podman.ts";
import { findProgram, requirePrograms, requireWorld } from "../support/programs.ts";
import { validate } from "../support/schema.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { stowage, stowageWords, type Said } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildWorld, type Built } from "../support/world.ts";

const ready =
  requireWorld() &&
  requirePrograms("nix", "nix-store", "dockerd", "docker", "podman", "containerd", "ctr", "runc");

interface Packed {
  readonly imageId: string;
  readonly manifestDigest: string;
  readonly output?: string;
  readonly layers: { diffId: string }[];
  readonly loaded: { engine: string; names: string[]; sent: number; layersSent: number }[];
}

describe.skipIf(!ready)("pack --load", () => {
  let wrapped: Built;
  /** Of the same shell and libc. */
  let several: Built;
  beforeAll(() => {
    wrapped = buildWorld("tests.wrapped");
    several = buildWorld("tests.several");
  });
  afterAll(() => {
    wrapped[Symbol.dispose]();
    several[Symbol.dispose]();
  });

  /** Packs in an empty folder, with nothing remembered but what the environment says. */
  async function run(env: NodeJS.ProcessEnv, ...words: string[]): Promise<Said & { cwd: string }> {
    const cwd = temporaryFolder();
    return {
      ...(await stowage(["pack", ...words], {
        cwd,
        env: { ...nixEnvironment, HOME: temporaryFolder(), ...env },
      })),
      cwd,
    };
  }

  async function load(env: NodeJS.ProcessEnv, ...words: string[]): Promise<Packed> {
    const { stdout, stderr, exitCode, cwd } = await run(env, ...words, "--json");
    expect({ stderr, exitCode, left: readdirSync(cwd) }).toMatchObject({ stderr: "", exitCode: 0 });
    return validate("pack", stdout) as unknown as Packed;
  }

  describe("docker", () => {
    let docker: Docker;
    let env: NodeJS.ProcessEnv;
    beforeAll(async () => {
      docker = await startDocker();
      env = { DOCKER_HOST: docker.host };
    });
    afterAll(() => docker[Symbol.asyncDispose]());
    const idOf = (name: string): Promise<string> =>
      docker.run("image", "inspect", "--format", "{{.Id}}", name);

    test("the image is there under its names and runs; no file is written, and what is there is not sent", async () => {
      const cache = { XDG_CACHE_HOME: temporaryFolder() };
      const words = [wrapped.link, "--load", "docker", "-t", "one:1", "-t", "registry.example/team/one:2"];
      const first = await load({ ...env, ...cache }, ...words);
      expect(first.output).toBeUndefined();
      expect(first.loaded).toMatchObject([
        { engine: "docker", names: ["one:1", "registry.example/team/one:2"], layersSent: 4 },
      ]);
      expect(first.loaded[0]?.sent).toBeGreaterThan(12_000_000);
      for (const name of ["one:1", "registry.example/team/one:2"])
        expect(await idOf(name)).toBe(first.imageId);
      expect(await docker.run("run", "--rm", "--network", "none", "one:1")).toBe("wrapped hello");

      const again = await load({ ...env, ...cache }, ...words);
      expect(again.imageId).toBe(first.imageId);
      expect(again.loaded).toMatchObject([{ layersSent: 0 }]);
      // Another image of the same shell, remembered.
      const other = await load(
        { ...env, ...cache },
        several.link,
        "--load",
        "docker",
        "--entrypoint",
        "/result/bin/one",
      );
      expect(other.loaded).toMatchObject([{ layersSent: 2 }]);
      expect(other.loaded[0]?.sent).toBeLessThan(200_000);
      expect(await docker.run("run", "--rm", "--network", "none", "several:latest")).toBe("one");
      // Nothing is remembered, but an image of this name is there.
      const forgotten = await load({ ...env, XDG_CACHE_HOME: temporaryFolder() }, ...words);
      expect(forgotten.loaded).toMatchObject([{ layersSent: 0 }]);
    });

    test("beside a file, of which layers are known, and on a context of Docker's client", async () => {
      const config = temporaryFolder();
      const context = { DOCKER_CONFIG: config, DOCKER_HOST: "" };
      const client = (...words: string[]) =>
        execa("docker", words, { env: { DOCKER_CONFIG: config, DOCKER_HOST: "" } });
      await client("context", "create", "mine", "--docker", `host=${docker.host}`);
      await client("context", "use", "mine");
      const file = join(temporaryFolder(), "image.tar");
      const words = [wrapped.link, "-t", "beside:1", "-o", file, "--compression", "gzip", "--load", "docker"];
      const packed = await load(context, ...words);
      expect(packed.output).toBe(file);
      await expectMatchesNix(file);
      expect(await idOf("beside:1")).toBe(packed.imageId);
    });

    test("through Docker's client where only it knows the way", async () => {
      const bin = temporaryFolder();
      const script = `#!/bin/sh\nexec /usr/bin/env DOCKER_HOST=${docker.host} docker-client "$@"\n`;
      writeFileSync(
        join(bin, "docker"),
        script.replace("docker-client", (await execa("which", ["docker"])).stdout),
      );
      chmodSync(join(bin, "docker"), 0o755);
      const far = { DOCKER_HOST: "ssh://nobody@far.example", PATH: `${bin}:${process.env["PATH"] ?? ""}` };
      const words = [wrapped.link, "-t", "far:1", "--load", "docker"];
      const packed = await load(far, ...words);
      expect(await idOf("far:1")).toBe(packed.imageId);
      expect((await load(far, ...words)).loaded).toMatchObject([{ layersSent: 0 }]);
    });

    test("on a context of TLS, whose certificates Docker's client has", async () => {
      const folder = temporaryFolder();
      const tls = { ...makeCertificates(folder), port: await freePort() };
      await using secure = await startDocker({ tls });
      const configured = async (authority: string): Promise<NodeJS.ProcessEnv> => {
        const config = { DOCKER_CONFIG: temporaryFolder(), DOCKER_HOST: "" };
        const { certificate, key } = tls.server;
        const endpoint = `host=tcp://127.0.0.1:${tls.port},ca=${authority},cert=${certificate},key=${key}`;
        await execa("docker", ["context", "create", "secure", "--docker", endpoint], { env: config });
        return { ...config, DOCKER_CONTEXT: "secure" };
      };
      const words = [wrapped.link, "-t", "secure:1", "--load", "docker"];
      const known = await configured(tls.authority.certificate);
      const packed = await load(known, ...words);
      expect(packed.loaded).toMatchObject([{ engine: "docker", layersSent: 4 }]);
      expect(await secure.run("image", "inspect", "--format", "{{.Id}}", "secure:1")).toBe(packed.imageId);
      expect((await load(known, ...words)).loaded).toMatchObject([{ layersSent: 0 }]);
      const other = makeCertificates(temporaryFolder());
      const said = await run(await configured(other.authority.certificate), ...words);
      expect(said.stderr).toMatch(/^stowage: --load docker: Docker cannot be reached: .*certificate/m);
      expect(said.exitCode).toBe(4);
    });

    test.skipIf(findNewDockerd() === undefined)(
      "that keeps images in containerd's store has it with its own manifest",
      async () => {
        const program = findNewDockerd();
        await using stored = await startDocker({ program, hasContentStore: true });
        expect(await stored.run("info", "--format", "{{.DriverStatus}}")).toContain("snapshotter");
        const words = [wrapped.link, "--load", "docker", "-t", "one:1", "-t", "registry.example/one:2"];
        const packed = await load({ DOCKER_HOST: stored.host }, ...words);
        for (const name of ["one:1", "registry.example/one:2"])
          expect(await stored.run("image", "inspect", "--format", "{{.Id}}", name)).toBe(
            packed.manifestDigest,
          );
        expect(await stored.run("run", "--rm", "--network", "none", "one:1")).toBe("wrapped hello");
        // Which blobs it has nobody can ask.
        const again = await load({ DOCKER_HOST: stored.host }, ...words);
        expect(again.loaded).toMatchObject([{ layersSent: 4 }]);
      },
    );

    test.each([
      ["nothing", 404, "{}", /it has nothing as said:1, not sha256:/],
      ["another image", 200, '{"Id":"sha256:another"}', /it has sha256:another as said:1, not sha256:/],
    ])("an engine that took it and has %s under its name", async (_, status, body, says) => {
      const forgetful = await startEngineProxy(docker.host, ({ url }, response) => {
        const isAsked = url === "/images/said:1/json";
        if (isAsked) response.writeHead(status).end(body);
        return isAsked;
      });
      const said = await run({ DOCKER_HOST: forgetful }, wrapped.link, "-t", "said:1", "--load", "docker");
      expect(said.stderr).toMatch(says);
      expect(said.exitCode).toBe(4);
    });

    test("layers that turn out not to be there are sent after all", async () => {
      const { layers } = await load(env, wrapped.link, "-t", "lied:0", "-o", "image.tar", "--load", "docker");
      await docker.run("image", "rm", "-f", "lied:0");
      await docker.run("system", "prune", "--all", "--force");
      const lying = await startEngineProxy(docker.host, ({ url = "" }, response) => {
        const answers = {
          "/images/json": [{ Id: "sha256:lie", RepoTags: ["lied:1"] }],
          "/images/sha256%3Alie/json": { RootFS: { Layers: layers.map(({ diffId }) => diffId) } },
          "/images/sha256:lie/json": { RootFS: { Layers: layers.map(({ diffId }) => diffId) } },
        };
        const answer = Object.entries(answers).find(([path]) => path === url)?.[1];
        if (answer !== undefined) response.end(JSON.stringify(answer));
        return answer !== undefined;
      });
      const packed = await load({ DOCKER_HOST: lying }, wrapped.link, "-t", "lied:1", "--load", "docker");
      expect(packed.loaded).toMatchObject([{ layersSent: 4 }]);
      expect(await idOf("lied:1")).toBe(packed.imageId);
    });

    const refusals: [string, (response: import("node:http").ServerResponse) => void, RegExp][] = [
      [
        "with a status",
        (response) => response.writeHead(500).end('{"message":"no space left on device"}'),
        /^stowage: --load docker: Docker did not take the image: no space left on device$/m,
      ],
      [
        "with an error after it began well",
        (response) =>
          response.end('{"stream":"Loading"}\n{"errorDetail":{"message":"x"},"error":"disk on fire"}\n'),
        /did not take the image: disk on fire$/m,
      ],
      ["by breaking off", (response) => response.destroy(), /did not take the image: /],
    ];
    test.each(refusals)("an engine that refuses %s", async (_, refuse, says) => {
      const refusing = await startEngineProxy(docker.host, ({ method }, response) => {
        if (method === "POST") refuse(response);
        return method === "POST";
      });
      const said = await run({ DOCKER_HOST: refusing }, wrapped.link, "-t", "refused:1", "--load", "docker");
      expect(said.stderr).toMatch(says);
      expect(said.exitCode).toBe(4);
      expect(readdirSync(said.cwd)).toEqual([]);
      expect(await docker.run("image", "ls", "-q", "refused")).toBe("");
    });

    test("a signal stops it, and nothing is there", async () => {
      const begun = Promise.withResolvers<void>();
      const slow = await startEngineProxy(docker.host, ({ method }) => {
        if (method === "POST") begun.resolve();
        return method === "POST";
      });
      const [program = "", ...rest] = stowageWords;
      const words = [...rest, "pack", wrapped.link, "-t", "slow:1", "--load", "docker"];
      const cwd = temporaryFolder();
      const child = spawn(program, words, {
        cwd,
        env: { ...nixEnvironment, DOCKER_HOST: slow },
        stdio: "ignore",
      });
      await begun.promise;
      child.kill("SIGTERM");
      expect(await once(child, "exit")).toEqual([143, null]);
      expect(readdirSync(cwd)).toEqual([]);
      expect(await docker.run("image", "ls", "-q", "slow")).toBe("");
    });
  });

  test("podman has it under its names, and is not sent what it has", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "storage.conf");
    writeFileSync(
      config,
      `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/root"\nrunroot = "${folder}/run"\n`,
    );
    const env = {
      CONTAINERS_STORAGE_CONF: config,
      XDG_CACHE_HOME: temporaryFolder(),
      TMPDIR: join(folder, "tmp"),
    };
    mkdirSync(env.TMPDIR);
    const podman = async (...words: string[]): Promise<string> =>
      (await execa("podman", ["--cgroup-manager=cgroupfs", "--runtime", "runc", ...words], { env })).stdout;
    const first = await load(env, wrapped.link, "--load", "podman", "-t", "one:1", "-t", "two:1");
    expect(first.loaded).toMatchObject([{ engine: "podman", names: ["one:1", "two:1"], layersSent: 4 }]);
    const listed = await podman("image", "ls", "--no-trunc", "--format", "{{.Id}} {{.Repository}}:{{.Tag}}");
    expect(listed.split("\n").toSorted()).toEqual([
      `${first.imageId.slice(7)} docker.io/library/one:1`,
      `${first.imageId.slice(7)} docker.io/library/two:1`,
    ]);
    const other = await load(env, several.link, "--load", "podman", "--entrypoint", "/result/bin/two");
    expect(other.loaded).toMatchObject([{ layersSent: 2 }]);
    expect(await podman("run", "--rm", "--network", "host", ...podmanLimits, "several:latest")).toBe("two");
    expect((await load(env, wrapped.link, "--load", "podman", "-t", "one:1")).loaded).toMatchObject([
      { layersSent: 0 },
    ]);
    expect(readdirSync(env.TMPDIR)).toEqual([]);
  });

  test("containerd has it with its own manifest, and is not sent what it has", async () => {
    const { ctr, socket } = await startContainerd();
    const env = {
      CONTAINERD_ADDRESS: socket,
      CONTAINERD_NAMESPACE: "testing",
      XDG_CACHE_HOME: temporaryFolder(),
    };
    const words = ["--load", "containerd", "-t", "one:1"];
    const first = await load(env, wrapped.link, ...words);
    expect(first.loaded).toMatchObject([{ engine: "containerd", names: ["one:1"], layersSent: 4 }]);
    const images = async (...check: string[]): Promise<string> =>
      String((await ctr("-n", "testing", "images", ...check)).stdout);
    expect(await images("ls")).toMatch(new RegExp(`docker.io/library/one:1 .*${first.manifestDigest}`));
    expect((await load(env, wrapped.link, ...words)).loaded).toMatchObject([{ layersSent: 0 }]);
    const other = await load(env, several.link, ...words.slice(0, 2), "--entrypoint", "/result/bin/two");
    expect(other.loaded).toMatchObject([{ layersSent: 2 }]);
    expect(await images("check")).toMatch(/several:latest .*complete \(\d+\/\d+\)/);
    // What its client says is not believed.
    const bin = temporaryFolder();
    const script = `#!/bin/sh\n[ "$2" = import ] && exec cat >/dev/null\nexec ${findProgram("ctr")} "$@"\n`;
    writeFileSync(join(bin, "ctr"), script, { mode: 0o755 });
    const lied = await run(
      { ...env, PATH: `${bin}:${process.env["PATH"] ?? ""}` },
      wrapped.link,
      ...words.slice(0, 2),
      "-t",
      "lied:1",
    );
    expect(lied.stderr).toMatch(/it has nothing as lied:1, not sha256:/);
    expect(lied.exitCode).toBe(4);
    // Another platform than this machine's is unpacked too.
    using data = buildWorld("tests.data");
    const arm = await load(env, data.link, ...words, "--platform", "linux/arm64");
    expect(await images("ls")).toMatch(new RegExp(`one:1 .*${arm.manifestDigest}.*linux/arm64`));
  });

  test("an engine that is not there is told before anything is made", async () => {
    const bin = temporaryFolder();
    for (const program of ["nix", "nix-store", "nix-instantiate"]) {
      const { stdout } = await execa("which", [program], { reject: false });
      if (stdout !== "")
        writeFileSync(join(bin, program), `#!/bin/sh\nexec ${stdout} "$@"\n`, { mode: 0o755 });
    }
    const nothing = join(temporaryFolder(), "nothing");
    const cases: [string, NodeJS.ProcessEnv, RegExp][] = [
      [
        "docker",
        { DOCKER_HOST: `unix://${nothing}` },
        /Docker cannot be reached: nothing answers at .*nothing\n {2}Start it/,
      ],
      ["docker", { DOCKER_HOST: "npipe:////./pipe/x" }, /is not the address of an engine/],
      [
        "docker",
        { DOCKER_HOST: "", DOCKER_CONTEXT: "none", DOCKER_CONFIG: nothing },
        /there is no context 'none'/,
      ],
      ["podman", { PATH: bin }, /Podman cannot be reached: there is no program podman/],
      [
        "containerd",
        { PATH: bin, CONTAINERD_ADDRESS: bin },
        /containerd cannot be reached: there is no program ctr/,
      ],
      [
        "containerd",
        { CONTAINERD_ADDRESS: nothing },
        /containerd cannot be reached: there is no socket .*nothing/,
      ],
    ];
    for (const [engine, env, says] of cases) {
      const said = await run(env, wrapped.link, "--load", engine);
      expect(said.stderr).toMatch(says);
      expect(said.exitCode).toBe(4);
      expect(readdirSync(said.cwd)).toEqual([]);
    }
    const compressed = await run({}, wrapped.link, "--load", "docker", "--compression", "gzip");
    expect(compressed.stderr).toMatch(/an engine is sent plain layers/);
    expect(compressed.exitCode).toBe(2);
  });
});
