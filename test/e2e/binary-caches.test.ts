import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyToCache, makeCacheKey, type CacheKey } from "../support/binary-cache.ts";
import { inTwoLanes } from "../support/campaign.ts";
import { serveCache } from "../support/cache-server.ts";
import { startDocker } from "../support/docker.ts";
import { startFaultProxy, type FaultKind } from "../support/fault-proxy.ts";
import { freePort } from "../support/free-port.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { readReportData } from "../support/report-page.ts";
import { startRegistry } from "../support/registry.ts";
import { stowageWords, type Said } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { Terminal } from "../support/tmux.ts";
import { waitForAnswer } from "../support/wait-for.ts";
import { buildFlake, type Built } from "../support/world.ts";

const ready =
  requireWorld() && requirePrograms("nix", "nix-store", "unshare", "dockerd", "docker", "docker-registry");

describe.skipIf(!ready)("Fortune Cat from a binary cache, where there is no Nix", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-caches-"));
  const cache = join(folder, "cache");
  let fortuneCat: Built;
  let key: CacheKey;
  let path: string;
  let trusted: readonly string[];
  /** A link that leads to where there is nothing any more. */
  const link = join(folder, "result");
  /** All programs that there are. */
  const programs = join(folder, "programs");

  beforeAll(() => {
    fortuneCat = buildFlake("fortune-cat");
    path = readlinkSync(fortuneCat.link);
    symlinkSync(path, link);
    mkdirSync(programs);
    for (const program of ["sh", "mount"])
      symlinkSync(
        execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim(),
        join(programs, program),
      );
    key = makeCacheKey(folder);
    trusted = ["--trusted-public-key", key.publicKey];
    copyToCache([path], { folder: cache, key });
  });
  afterAll(() => {
    fortuneCat[Symbol.dispose]();
    removeFolder(folder);
  });

  /** The command in a mount namespace without /nix, with no program of Nix on PATH. */
  async function withoutNix(
    words: readonly string[],
    environment: NodeJS.ProcessEnv = {},
  ): Promise<Said & { readonly stdoutBytes: Buffer; readonly left: readonly string[] }> {
    const home = temporaryFolder();
    const temporary = join(home, "tmp");
    mkdirSync(temporary);
    const program = ["sh", "-c", 'mount -t tmpfs none /nix && exec "$@"', "sh", ...stowageWords];
    const said = await execa("/usr/bin/unshare", ["-m", ...program, ...words], {
      reject: false,
      encoding: "buffer",
      maxBuffer: 1 << 29,
      extendEnv: false,
      env: {
        PATH: programs,
        HOME: home,
        XDG_CACHE_HOME: join(home, "cache"),
        TMPDIR: temporary,
        NIX_CONF_DIR: home,
        ...environment,
      },
    });
    return {
      exitCode: said.exitCode,
      stdout: Buffer.from(said.stdout).toString(),
      stdoutBytes: Buffer.from(said.stdout),
      stderr: Buffer.from(said.stderr).toString(),
      left: readdirSync(temporary),
    };
  }

  /** The same command where Nix is. */
  async function withNix(words: readonly string[]): Promise<Said> {
    const [program = "", ...rest] = stowageWords;
    const env = { ...nixEnvironment, XDG_CACHE_HOME: temporaryFolder() };
    return execa(program, [...rest, ...words], { reject: false, env });
  }

  const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

  test("it is the same archive, from a folder and over HTTP, and runs in Docker", async () => {
    const out = temporaryFolder();
    const [local, fromFolder, fromHttp] = ["local", "folder", "http"].map((name) => join(out, `${name}.tar`));
    const packed = await withNix(["-q", "pack", path, "-o", local as string]);
    expect(packed.exitCode, packed.stderr).toBe(0);
    const expected = sha256(readFileSync(local as string));

    // The link dangles there, and means what it says.
    const first = await withoutNix([
      "-q",
      "pack",
      link,
      "--store",
      `file://${cache}`,
      ...trusted,
      "-o",
      fromFolder as string,
    ]);
    expect(first).toMatchObject({ exitCode: 0, stderr: "", left: [] });
    expect(sha256(readFileSync(fromFolder as string))).toBe(expected);

    await using server = await serveCache(cache);
    const second = await withoutNix([
      "-q",
      "pack",
      path,
      "--store",
      server.url,
      ...trusted,
      "-o",
      fromHttp as string,
    ]);
    expect(second).toMatchObject({ exitCode: 0, stderr: "", left: [] });
    expect(sha256(readFileSync(fromHttp as string))).toBe(expected);
    // Each file once, over few connections.
    expect(new Set(server.requests).size).toBe(server.requests.length);
    expect(server.connections).toBeLessThan(server.requests.length);

    await using docker = await startDocker();
    await docker.run("load", "-i", fromHttp as string);
    const port = await freePort();
    await docker.run("run", "-d", "--network", "host", "-e", `PORT=${port}`, "fortune-cat:latest");
    expect((await waitForAnswer(`http://127.0.0.1:${port}/cat`)).status).toBe(200);
  });

  test("it is the same in every other form", async () => {
    const store = ["--store", `file://${cache}`, ...trusted];
    const out = temporaryFolder();
    const forms: readonly (readonly string[])[] = [
      ["--format", "oci-dir", "--layering", "per-path"],
      ["--compression", "zstd:1"],
    ];
    for (const [index, form] of forms.entries()) {
      const [near, far] = [join(out, `near-${index}`), join(out, `far-${index}`)];
      await withNix(["-q", "pack", path, ...form, "-o", near]);
      const said = await withoutNix(["-q", "pack", path, ...store, ...form, "-o", far]);
      expect(said, form.join(" ")).toMatchObject({ exitCode: 0, stderr: "", left: [] });
      execFileSync("diff", ["-r", near, far]);
    }
    const near = join(out, "near.tar");
    await withNix(["-q", "pack", path, "--format", "docker-archive", "-o", near]);
    const streamed = await withoutNix(["-q", "pack", path, ...store, "-o", "-"]);
    expect(sha256(streamed.stdoutBytes)).toBe(sha256(readFileSync(near)));
    const digests = await Promise.all([
      withNix(["plan", path, "--digests", "--json"]),
      withoutNix(["plan", path, ...store, "--digests", "--json"]),
    ]);
    const layers = digests.map(({ stdout }) => (JSON.parse(stdout) as { layers: unknown }).layers);
    expect(layers[1]).toEqual(layers[0]);
  });

  test.each([
    ["plain", []],
    ["compressed", ["--compression", "zstd:1"]],
  ])("it is pushed, %s, where uploads break, and once", async (_, form) => {
    await using registry = await startRegistry();
    await using server = await serveCache(cache);
    // One upload breaks in its middle, another loses its answer, a third is told to wait.
    const breaks: FaultKind[] = ["503", "lost", "reset"];
    await using proxy = await startFaultProxy(registry.host, ({ method = "" }) =>
      method === "PATCH" || method === "PUT" ? breaks.pop() : undefined,
    );
    const reference = `${proxy.host}/app:1`;
    const words = ["-q", "pack", path, ...form, "--json", "--push", reference];
    const file = join(temporaryFolder(), "near.tar");
    const here = await withNix(["-q", "pack", path, ...form, "--json", "-o", file]);
    const pushed = await withoutNix([...words, "--store", server.url, ...trusted]);
    expect(pushed).toMatchObject({ exitCode: 0, stderr: "", left: [] });
    const { manifestDigest } = JSON.parse(here.stdout) as { manifestDigest: string };
    expect(JSON.parse(pushed.stdout)).toMatchObject({ manifestDigest });
    expect(proxy.faults).toEqual({ "503": 1, "429": 0, lost: 1, reset: 1 });
    const verified = await withNix(["verify", `${registry.host}/app:1`, "--json"]);
    expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: "matches-nix", findings: [] });
    // Now from a folder; nobody remembers anything but the registry.
    const again = await withoutNix([...words, "--store", `file://${cache}`, ...trusted]);
    expect(again).toMatchObject({ exitCode: 0, stderr: "", left: [] });
    expect(JSON.parse(again.stdout)).toMatchObject({ manifestDigest, pushed: [{ sent: 0 }] });
  });

  test("all that explains a closure says the same of it", async () => {
    const store = ["--store", `file://${cache}`, ...trusted];
    const budget = join(folder, "budget.json");
    writeFileSync(budget, '{ "closureSize": "1 GiB", "layers": 100 }');
    for (const words of [
      ["ls", path],
      ["why", path, "libc6", "--precise"],
      ["diff", path, path],
      ["dupes", path],
      ["graph", path, "--format", "dot"],
      ["check", path, "--budget", budget],
      ["sbom", path],
    ]) {
      const [here, there] = [await withNix(words), await withoutNix([...words, ...store])];
      expect(there.exitCode, there.stderr).toBe(here.exitCode);
      expect(there.stdout.trim(), words[0]).toBe(here.stdout.trim());
    }
    const image = join(folder, "image.tar");
    await withoutNix(["-q", "pack", path, ...store, "-o", image]);
    const verified = await withoutNix(["verify", image, ...store, "--json"]);
    expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: "matches-nix", findings: [] });
  });

  test("the report shows the same, but for layers' sizes, which it calls estimated", async () => {
    const [near, far] = [join(temporaryFolder(), "near.html"), join(temporaryFolder(), "far.html")];
    await withNix(["report", path, "-o", near]);
    const said = await withoutNix(["report", path, "-o", far, "--store", `file://${cache}`, ...trusted]);
    expect(said).toMatchObject({ exitCode: 0, left: [] });
    const [here, there] = [near, far].map((file) => readReportData(readFileSync(file, "utf8")));
    const layersOf = (data: typeof here): readonly object[] =>
      (data?.layers?.list ?? []).map(
        ({ size: _size, likelihood: _likelihood, expectedBytes: _sent, ...rest }) => rest,
      );
    expect({ ...there, layers: undefined }).toEqual({ ...here, layers: undefined });
    expect(layersOf(there)).toEqual(layersOf(here));
    expect(layersOf(there).length).toBeGreaterThan(10);
    expect([here?.layers, there?.layers]).toMatchObject([{ sizes: "tar" }, { sizes: "estimated" }]);
  });

  test.skipIf(!requirePrograms("tmux"))("it is walked through in a terminal", async () => {
    const quoted = (words: readonly string[]): string =>
      words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const script = join(temporaryFolder(), "browse.sh");
    const words = [...stowageWords, "browse", path, "--store", `file://${cache}`, ...trusted];
    const environment = [`PATH=${programs}`, `NIX_CONF_DIR=${folder}`, "TERM=xterm", "LC_ALL=C.UTF-8"];
    const without = ["sh", "-c", 'mount -t tmpfs none /nix && exec "$@"', "sh", ...words];
    writeFileSync(
      script,
      `exec /usr/bin/unshare -m /usr/bin/env -i ${quoted([...environment, ...without])}\n`,
    );
    using terminal = new Terminal();
    terminal.run(`sh ${script}; echo "sta""tus $?"`);
    const [title] = await terminal.see((screen) => screen.includes("> ") && screen.includes("? help"));
    expect(title).toMatch(/^fortune-cat-0\.1\.0: \d+ paths, 1\d\d\.\d MiB, by added size$/);
    terminal.press("/");
    terminal.type("libc6");
    terminal.press("Enter", "w");
    await terminal.see((screen) => /^\d+ chains? to libc6-/.test(screen));
    terminal.press("Escape");
    await terminal.see((screen) => screen.startsWith("fortune-cat-0.1.0:"));
    terminal.press("q");
    await terminal.see((screen) => screen.includes("status 0"));
  });

  test("a path that is broken in one cache is taken from the next by every verb that reads it, with a word", async () => {
    const damaged = join(temporaryFolder(), "cache");
    cpSync(cache, damaged, { recursive: true });
    execFileSync("chmod", ["-R", "u+w", damaged]);
    const narinfo = readFileSync(join(damaged, `${basename(path).slice(0, 32)}.narinfo`), "utf8");
    const nar = join(damaged, /^URL: (.*)$/m.exec(narinfo)?.[1] ?? "");
    writeFileSync(nar, readFileSync(nar).subarray(0, -20));
    const whole = ["--store", `file://${cache}`, ...trusted];
    const both = ["--store", `file://${damaged}`, ...whole];
    const verbs: readonly (readonly string[])[] = [
      ["why", path, "libc6", "--precise"],
      ["plan", path, "--digests"],
      ["ls", `${path}/bin/fortune-cat`],
      ["sbom", `${path}/bin`],
      ["pack", path, "--dry-run"],
    ];
    await inTwoLanes(verbs, async (words) => {
      const [expected, said] = [
        await withoutNix([...words, ...whole]),
        await withoutNix([...words, ...both]),
      ];
      const told = { exitCode: 0, stdout: expected.stdout, left: [] };
      expect(said, words.join(" ")).toMatchObject(told);
      expect(expected.stderr).not.toContain("warning");
      const warnings = said.stderr.split("\n").filter((line) => line.includes("warning"));
      expect(warnings, words.join(" ")).toEqual([
        expect.stringMatching(/^stowage: warning: .*; taken from file:/),
      ]);
      expect(warnings[0]).toContain(path);
    });
  });

  test("a place that a path of the cache does not have is refused by every verb", async () => {
    const gone = `${path}/bin/gone`;
    const out = join(temporaryFolder(), "image.tar");
    const verbs: readonly (readonly string[])[] = [
      ["pack", gone, "-o", out],
      ["plan", gone],
      ["ls", gone],
      ["why", gone, "libc6"],
      ["sbom", gone],
      ["graph", gone, "--format", "dot"],
    ];
    await inTwoLanes(verbs, async (words) => {
      const said = await withoutNix([...words, "--store", `file://${cache}`, ...trusted]);
      expect(said, words[0]).toMatchObject({ exitCode: 3, stdout: "", left: [] });
      expect(said.stderr, words[0]).toContain(`'${gone}' points into ${path}, which has nothing there`);
    });
    expect(existsSync(out)).toBe(false);
  });

  test("it is loaded into Docker with no file in between", async () => {
    await using server = await serveCache(cache);
    await using docker = await startDocker();
    const words = ["-q", "pack", path, "--store", server.url, ...trusted, "--load", "docker", "--json"];
    const loaded = await withoutNix(words, { DOCKER_HOST: docker.host });
    expect(loaded).toMatchObject({ exitCode: 0, stderr: "", left: [] });
    const { imageId } = JSON.parse(loaded.stdout) as { imageId: string };
    const file = join(temporaryFolder(), "image.tar");
    const here = await withNix(["-q", "pack", path, "-o", file, "--json"]);
    expect(JSON.parse(here.stdout)).toMatchObject({ imageId });
    expect(await docker.run("image", "inspect", "--format", "{{.Id}}", "fortune-cat:latest")).toBe(imageId);
  });

  test("its layers are planned from what the cache says alone", async () => {
    interface Plan {
      readonly sizes: string;
      readonly layers: readonly { readonly paths: readonly string[]; readonly narSize: number }[];
    }
    await using server = await serveCache(cache);
    const words = ["plan", path, "--json"];
    const here = JSON.parse((await withNix(words)).stdout) as Plan;
    const said = await withoutNix([...words, "--store", server.url, ...trusted]);
    expect(said).toMatchObject({ exitCode: 0, stderr: "", left: [] });
    const there = JSON.parse(said.stdout) as Plan;
    expect(there.sizes).toBe("estimated");
    const grouped = ({ layers }: Plan): unknown => layers.map(({ paths, narSize }) => ({ paths, narSize }));
    expect(grouped(there)).toEqual(grouped(here));
    expect(server.requests.filter((request) => request.startsWith("/nar/"))).toEqual([]);
  });

  test("what is wrong with a cache is an error that says so, and nothing is left", async () => {
    const serveBelow = (response: ServerResponse, name: string): boolean => {
      const file = join(cache, name);
      if (name === "" || !existsSync(file)) return false;
      response.writeHead(200).end(readFileSync(file));
      return true;
    };
    const halfOf = (name: string): Buffer => {
      const bytes = readFileSync(join(cache, name));
      return bytes.subarray(0, bytes.length / 2);
    };
    await using server = await serveCache(cache, (request, response) => {
      const asked = request.url;
      const [, kind = "", rest = ""] = /^\/([a-z0-9-]+)\/(.*)$/.exec(request.url ?? "") ?? [];
      const isNar = rest.startsWith("nar/");
      const status = { "404": 404, "403": 403, "no-nars": isNar ? 404 : 0 }[kind] ?? 0;
      if (status > 0) response.writeHead(status).end();
      else if (kind === "circle") response.writeHead(302, { location: asked ?? "/" }).end();
      else if (kind === "elsewhere") response.writeHead(302, { location: "http://192.0.2.1/x" }).end();
      else if (kind === "empty" && isNar) response.writeHead(200, { "content-length": 0 }).end();
      else if (kind === "cut" && isNar) response.writeHead(200).end(halfOf(rest));
      else if (kind === "reset" && isNar) {
        response.writeHead(200, { "content-length": 2 * halfOf(rest).length });
        response.write(halfOf(rest), () => request.socket.resetAndDestroy());
      } else if (kind === "page") response.writeHead(200).end("<html>it works</html>");
      else return serveBelow(response, rest);
      return true;
    });
    const cases: [string, number, RegExp][] = [
      [`${server.url}/404`, 5, /is no binary cache/],
      [`${server.url}/403`, 5, /is no binary cache.*403/],
      [`${server.url}/no-nars`, 5, /is missing, which the cache promised/],
      [`${server.url}/circle`, 5, /redirects without end/],
      [`${server.url}/elsewhere`, 5, /plain HTTP/],
      [`${server.url}/empty`, 5, /is not zstd|is not what was promised/],
      [`${server.url}/cut`, 5, /is not zstd: unexpected end|is not what was promised/],
      [`${server.url}/reset`, 5, /cannot be reached: the connection failed/],
      [`${server.url}/page`, 5, /is not what a binary cache says/],
      [`file://${folder}/nothing`, 5, /is no binary cache/],
      ["file://host/nothing", 2, /is not the address of a binary cache/],
      [`file://${cache}?trusted=1`, 2, /not trusted by its address/],
      [`file://${cache}?store=/gnu/store`, 3, /does not exist|is not in the Nix store/],
    ];
    await inTwoLanes(cases, async ([url, exitCode, message]) => {
      const out = temporaryFolder();
      const said = await withoutNix(["pack", path, "--store", url, ...trusted, "-o", join(out, "image.tar")]);
      expect(said.stderr, url).toMatch(message);
      expect(said.exitCode, said.stderr).toBe(exitCode);
      expect([...readdirSync(out), ...said.left], url).toEqual([]);
    });
  });

  test("nobody's word counts but that of who is trusted, unless it is asked for aloud", async () => {
    const store = ["--store", `file://${cache}`];
    const refused = await withoutNix(["ls", path, ...store]);
    expect(refused).toMatchObject({ exitCode: 5, stdout: "" });
    expect(refused.stderr).toContain("nobody trusted signed it, only 'stowage-test-1'");
    expect(refused.stderr).toContain("--trusted-public-key");
    const namesake = makeCacheKey(temporaryFolder());
    const wrong = await withoutNix(["ls", path, ...store, "--trusted-public-key", namesake.publicKey]);
    expect(wrong).toMatchObject({ exitCode: 5, stdout: "" });
    expect(wrong.stderr).toContain("signature by 'stowage-test-1' is not true of it");
    const aloud = await withoutNix(["ls", path, ...store, "--no-check-sigs", "--limit", "1"]);
    expect(aloud.exitCode).toBe(0);
    expect(aloud.stderr).toContain("--no-check-sigs: nobody vouches");
    const stripped = join(temporaryFolder(), "cache");
    cpSync(cache, stripped, { recursive: true });
    const narinfo = join(stripped, `${basename(path).slice(0, 32)}.narinfo`);
    execFileSync("chmod", ["u+w", narinfo]);
    writeFileSync(narinfo, readFileSync(narinfo, "utf8").replace(/^References: .*$/m, "References: "));
    const fewer = await withoutNix(["ls", path, "--store", `file://${stripped}`, ...trusted]);
    expect(fewer.exitCode).toBe(5);
    expect(fewer.stderr).toContain("signature by 'stowage-test-1' is not true of it");
  });

  test("a path that no store has names those that were asked", async () => {
    const other = join(temporaryFolder(), "other");
    mkdirSync(other);
    writeFileSync(join(other, "nix-cache-info"), "StoreDir: /nix/store\n");
    const gone = `/nix/store/${"0".repeat(32)}-gone`;
    const words = ["--store", "auto", "--store", `file://${other}`, "--store", `file://${cache}`, ...trusted];
    const said = await withoutNix(["ls", gone, ...words]);
    expect(said.exitCode).toBe(3);
    for (const name of ["this machine's store", `file://${other}`, `file://${cache}`])
      expect(said.stderr).toContain(name);
    // Without a cache, that there are caches is what helps.
    const alone = await withoutNix(["pack", path]);
    expect(alone).toMatchObject({ exitCode: 3, stdout: "", left: [] });
    expect(alone.stderr).toContain("name a binary cache that has it with --store");
    // Those that do not have it are passed by.
    const found = await withoutNix(["ls", path, ...words, "--json"]);
    const paths = (JSON.parse(found.stdout) as { paths: unknown[] }).paths;
    expect(paths.length).toBeGreaterThan(40);
  });
});
