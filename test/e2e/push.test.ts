import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificates } from "../support/certificates.ts";
import { startDocker } from "../support/docker.ts";
import { freePort } from "../support/free-port.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { makePodman, podmanLimits } from "../support/podman.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { passwordAuth, startRegistry, testUser, type TestRegistry } from "../support/registry.ts";
import { stowageWords } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { startTokenServer } from "../support/token-server.ts";
import { waitForAnswer } from "../support/wait-for.ts";
import { buildFlake, buildWorld, type Built } from "../support/world.ts";

const ready =
  requireWorld() &&
  requirePrograms("nix", "nix-store", "docker-registry", "skopeo", "podman", "runc", "dockerd", "openssl");

interface Packed {
  readonly imageId: string;
  readonly manifestDigest: string;
  readonly output?: string;
  readonly format?: string;
  readonly pushed: { reference: string; manifestDigest: string; sent: number }[];
}

describe.skipIf(!ready)("push", () => {
  let fortuneCat: Built;
  /** A shell script with its shell: a small closure. */
  let small: Built;
  let registry: TestRegistry;
  beforeAll(async () => {
    fortuneCat = buildFlake("fortune-cat");
    small = buildWorld("tests.wrapped");
    registry = await startRegistry();
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    fortuneCat[Symbol.dispose]();
    small[Symbol.dispose]();
  });

  /** Runs the command in an empty folder with an empty home. */
  async function run(
    words: readonly string[],
    { env = {}, input = "" }: { readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
  ) {
    const cwd = temporaryFolder();
    const [program = "", ...rest] = stowageWords;
    const environment = { ...nixEnvironment, HOME: cwd, XDG_RUNTIME_DIR: cwd, DOCKER_CONFIG: "", ...env };
    return execa(program, [...rest, ...words], { cwd, env: environment, input, reject: false });
  }

  test("stdin cannot be a closure and a password", async () => {
    const words = ["pack", "--graph", "-", "--push", `${registry.host}/app:1`];
    expect(await run([...words, "--username", "cat", "--password-stdin"], { input: "x" })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("both want stdin") as string,
    });
  });

  test("what pack writes into a file is what it pushes; again it sends nothing", async () => {
    const reference = `${registry.host}/team/cat:1`;
    const words = ["pack", small.link, "--json", "--user", "cat", "--expose", "8001"];
    const file = join(temporaryFolder(), "image.tar");
    const written = await run([...words, "-o", file]);
    const pushed = await run([...words, "--push", reference, "--push", `${registry.host}/other/cat`]);
    expect(pushed.stderr).toBe("");
    const image = JSON.parse(written.stdout) as Packed;
    const packed = JSON.parse(pushed.stdout) as Packed;
    expect(packed).toMatchObject({ imageId: image.imageId, manifestDigest: image.manifestDigest });
    expect(packed.output).toBeUndefined();
    expect(packed.format).toBeUndefined();
    expect(packed.pushed.map((place) => place.reference)).toEqual([
      reference,
      `${registry.host}/other/cat:latest`,
    ]);
    expect(packed.pushed[0]?.sent).toBeGreaterThan(5_000_000);
    // Mounted from the first.
    expect(packed.pushed[1]?.sent).toBeLessThan(100_000);
    const again = await run([...words, "-o", file, "--push", reference]);
    expect((JSON.parse(again.stdout) as Packed).pushed[0]?.sent).toBe(0);
  });

  test("skopeo and a Docker engine pull it, and the engine runs it", async () => {
    const reference = `${registry.host}/team/app:1`;
    const { stdout } = await run(["pack", fortuneCat.link, "--json", "--push", reference]);
    const { imageId, manifestDigest } = JSON.parse(stdout) as Packed;
    const folder = temporaryFolder();

    const layout = `oci:${folder}/layout:1`;
    await execa("skopeo", [
      "copy",
      "--preserve-digests",
      "--src-tls-verify=false",
      `docker://${reference}`,
      layout,
    ]);
    const { manifests } = JSON.parse(readFileSync(join(folder, "layout/index.json"), "utf8")) as {
      manifests: { digest: string }[];
    };
    expect(manifests.map(({ digest }) => digest)).toEqual([manifestDigest]);

    await using docker = await startDocker();
    await docker.run("pull", "-q", reference);
    expect(await docker.run("image", "inspect", "--format", "{{.Id}}", reference)).toBe(imageId);
    const port = await freePort();
    const variables = ["-e", `PORT=${port}`, "-e", "HOST=127.0.0.1", "-e", "CATAAS_URL=http://127.0.0.1:1"];
    await docker.run("run", "-d", "--rm", "--name", "cat", "--network", "host", ...variables, reference);
    expect((await waitForAnswer(`http://127.0.0.1:${port}/cat`)).status).toBe(200);
    await docker.run("stop", "cat");
  });

  test("podman pulls it and runs it", async () => {
    const reference = `${registry.host}/team/podman:1`;
    // Its plain storage copies what is below each layer.
    const few = ["--max-layers", "5"];
    const { stdout } = await run(["pack", fortuneCat.link, "--json", ...few, "--push", reference]);
    const { imageId } = JSON.parse(stdout) as Packed;
    const podman = makePodman();
    await podman("pull", "-q", "--tls-verify=false", reference);
    const inspected = await podman("image", "inspect", "--format", "{{.Id}}", reference);
    expect(`sha256:${inspected.stdout}`).toBe(imageId);
    const port = await freePort();
    const variables = ["-e", `PORT=${port}`, "-e", "HOST=127.0.0.1", "-e", "CATAAS_URL=http://127.0.0.1:1"];
    const name = `cat-${port}`;
    const words = ["--rm", "--name", name, "--network", "host", ...variables];
    const running = podman("run", ...words, ...podmanLimits, reference);
    expect((await waitForAnswer(`http://127.0.0.1:${port}/cat`)).status).toBe(200);
    await podman("kill", "--signal", "TERM", name);
    expect((await running).exitCode).toBe(0);
  });

  test("layers compressed as they are sent", async () => {
    const codec = "zstd";
    const reference = `${registry.host}/compressed/${codec}:1`;
    const words = ["pack", small.link, "--json", "--compression", codec];
    const layout = join(temporaryFolder(), "layout");
    const written = JSON.parse((await run([...words, "--format", "oci-dir", "-o", layout])).stdout) as Packed;
    const env = { XDG_CACHE_HOME: temporaryFolder() };
    const pushes: Packed[] = [];
    for (const place of [reference, reference, reference]) {
      // The third time nothing is remembered.
      if (pushes.length === 2) removeFolder(env.XDG_CACHE_HOME);
      const said = await run([...words, "--push", place], { env });
      expect(said).toMatchObject({ exitCode: 0, stderr: "" });
      pushes.push(JSON.parse(said.stdout) as Packed);
    }
    const { imageId, manifestDigest } = written;
    for (const pushed of pushes) expect(pushed).toMatchObject({ imageId, manifestDigest });
    expect(pushes[0]?.pushed[0]?.sent).toBeGreaterThan(1_000_000);
    expect(pushes.slice(1).map(({ pushed }) => pushed[0]?.sent)).toEqual([0, 0]);
    const verified = await run(["verify", reference, "--json"]);
    expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: "matches-nix" });
    await execa("skopeo", [
      "copy",
      "-q",
      "--src-tls-verify=false",
      `docker://${reference}`,
      `oci:${layout}:x`,
    ]);
  });

  test("a target is pushed by the verb too", async () => {
    const reference = `${registry.host}/team/verb:1`;
    const pushed = await run(["push", small.link, reference, "--json"]);
    const packed = await run(["pack", small.link, "--dry-run", "--json"]);
    const { pushed: places, layers } = JSON.parse(pushed.stdout) as Packed & { layers: unknown[] };
    expect(places.map((place) => place.reference)).toEqual([reference]);
    expect(layers).toHaveLength((JSON.parse(packed.stdout) as { layers: unknown[] }).layers.length);
    const told = await run(["push", small.link, reference]);
    expect(told.stdout).toBe("");
    expect(told.stderr).toBe(`pushed ${reference}@${places[0]?.manifestDigest}: the registry had everything`);
  });

  test("the verb compresses a target's layers to the same image as pack", async () => {
    const words = [small.link, "--json", "--compression", "gzip"];
    const packed = await run(["pack", ...words, "--push", `${registry.host}/team/packed:gzip`]);
    const pushed = await run(["push", ...words, `${registry.host}/team/pushed:gzip`]);
    const { manifestDigest, layers } = JSON.parse(pushed.stdout) as Packed & {
      layers: { digest: string; diffId: string }[];
    };
    expect(manifestDigest).toBe((JSON.parse(packed.stdout) as Packed).manifestDigest);
    expect(layers.some(({ digest, diffId }) => digest === diffId)).toBe(false);
  });

  test.each([
    [["pack", "TARGET", "--push", "Not/A Reference"], 2, /is not an image name/],
    [["pack", "TARGET", "--push", "127.0.0.1:1/app"], 5, /127\.0\.0\.1:1 cannot be reached: nobody listens/],
    [["pack", "TARGET", "--push", "registry.invalid/app"], 5, /registry\.invalid cannot be reached/],
    [["pack", "TARGET", "--push", "a.invalid/app", "--username", "cat"], 2, /go together/],
    [["pack", "TARGET", "--push", "a.invalid/app", "--ca-file", "/nowhere"], 4, /\/nowhere/],
    [["pack", "TARGET", "--push", "a.invalid/app", "--ca-file", "/etc/passwd"], 2, /no certificate/],
    [["push", "TARGET", "--", "-x"], 2, /is not an image name/],
    [
      ["push", "TARGET", `a.invalid/app@sha256:${"0".repeat(64)}`],
      2,
      /a digest cannot be given to where an image goes/,
    ],
  ] as const)("%j ends with %i", async (words, exitCode, says) => {
    const said = await run(words.map((word) => (word === "TARGET" ? small.link : word)));
    expect(said.stderr).toMatch(says);
    expect(said.exitCode).toBe(exitCode);
    expect(said.stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
  });

  test("a password for several registries is refused before anything is asked", async () => {
    const words = ["pack", small.link, "--push", "a.invalid/app", "--push", "b.invalid/app"];
    const said = await run([...words, "--username", "cat", "--password-stdin"], { input: "secret" });
    expect(said.exitCode).toBe(2);
    expect(said.stderr).toMatch(/one name and password for 2 registries/);
  });

  describe("credentials", () => {
    let folder: string;
    let locked: TestRegistry;
    let certificates: ReturnType<typeof makeCertificates>;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "stowage-credentials-"));
      certificates = makeCertificates(folder);
      locked = await startRegistry({ tls: certificates.server, auth: passwordAuth(folder) });
    });
    afterAll(async () => {
      await locked[Symbol.asyncDispose]();
      removeFolder(folder);
    });

    const encoded = Buffer.from(`${testUser.username}:${testUser.password}`).toString("base64");

    /** Pushes with the highest verbosity, and looks for the password in all that is said. */
    async function push(options: Parameters<typeof run>[1], ...words: string[]) {
      const trust = ["--ca-file", certificates.authority.certificate];
      const said = await run(
        ["push", small.link, `${locked.host}/app:1`, ...trust, ...words, "-vvv"],
        options,
      );
      const all = said.stdout + said.stderr;
      for (const secret of [testUser.password, encoded, "Basic "]) expect(all).not.toContain(secret);
      return said;
    }

    test("from stdin", async () => {
      const words = ["--username", testUser.username, "--password-stdin"];
      expect((await push({ input: `${testUser.password}\n` }, ...words)).exitCode).toBe(0);
      const wrong = await push({ input: `${testUser.password}-not` }, ...words);
      expect(wrong).toMatchObject({ exitCode: 5 });
      expect(wrong.stderr).toMatch(/does not accept the credentials\n.*docker login/);
    });

    test("none: what to do", async () => {
      const said = await push({});
      expect(said.exitCode).toBe(5);
      expect(said.stderr).toMatch(/wants credentials, and there are none/);
    });

    test.each(["REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "HOME"])(
      "from the file that %s leads to",
      async (variable) => {
        const place = temporaryFolder();
        const name = {
          REGISTRY_AUTH_FILE: "auth.json",
          DOCKER_CONFIG: "config.json",
          HOME: ".docker/config.json",
        }[variable];
        const file = join(place, name ?? "containers/auth.json");
        mkdirSync(join(file, ".."), { recursive: true });
        writeFileSync(file, JSON.stringify({ auths: { [locked.host]: { auth: encoded } } }));
        const env = { [variable]: variable === "REGISTRY_AUTH_FILE" ? file : place };
        expect((await push({ env })).exitCode).toBe(0);
      },
    );

    test("of a server that gives tokens: neither logins nor tokens are shown, also where it refuses", async () => {
      const login = "canary-of-an-identity";
      await using tokens = await startTokenServer({
        signer: certificates.authority,
        refreshTokens: [login],
        users: {},
      });
      const rootcertbundle = certificates.authority.certificate;
      const token = { realm: tokens.realm, service: "test", issuer: "test", rootcertbundle };
      await using server = await startRegistry({ auth: { token } });
      const file = join(temporaryFolder(), "auth.json");
      const pushWith = async (identitytoken: string) => {
        writeFileSync(file, JSON.stringify({ auths: { [server.host]: { auth: "", identitytoken } } }));
        const env = { REGISTRY_AUTH_FILE: file };
        const said = await run(["push", small.link, `${server.host}/app:1`, "-vvv"], { env });
        // A JSON web token begins with an encoded brace.
        for (const secret of [login, "eyJ", "Bearer "])
          expect(said.stdout + said.stderr).not.toContain(secret);
        return said;
      };
      expect(await pushWith(login)).toMatchObject({ exitCode: 0 });
      expect(tokens.questions).toContain("POST repository:app:pull,push as nobody");
      const refused = await pushWith(`not-${login}`);
      expect(refused).toMatchObject({ exitCode: 5 });
      expect(refused.stderr).toMatch(/credentials/);
    });

    test("from a helper, one that has none, one that fails, one that is missing", async () => {
      const place = temporaryFolder();
      const helper = (name: string, script: string): void => {
        writeFileSync(join(place, `docker-credential-${name}`), `#!/bin/sh\nread server\n${script}\n`);
        chmodSync(join(place, `docker-credential-${name}`), 0o755);
      };
      helper(
        "good",
        `printf '{"ServerURL":"%s","Username":"${testUser.username}","Secret":"${testUser.password}"}' "$server"; [ "$server" = ${locked.host} ]`,
      );
      helper("empty", "echo credentials not found in native keychain; exit 1");
      helper("bad", `echo ${testUser.password}; echo ${testUser.password} >&2; exit 2`);
      helper("talks", `echo ${testUser.password}`);
      const env = { PATH: `${place}:${process.env["PATH"]}`, DOCKER_CONFIG: place };
      const withConfig = (document: unknown): Promise<{ exitCode?: number | undefined; stderr: string }> => {
        writeFileSync(join(place, "config.json"), JSON.stringify(document));
        return push({ env });
      };
      expect((await withConfig({ credHelpers: { [locked.host]: "good" } })).exitCode).toBe(0);
      expect((await withConfig({ credsStore: "good", auths: { [locked.host]: {} } })).exitCode).toBe(0);
      const auths = { [locked.host]: { auth: encoded } };
      expect((await withConfig({ credsStore: "empty", auths })).exitCode).toBe(0);
      for (const name of ["bad", "talks", "missing"]) {
        const said = await withConfig({ credsStore: name });
        expect(said.exitCode).toBe(4);
        expect(said.stderr).toMatch(new RegExp(`docker-credential-${name}, which keeps .* failed: `));
      }
      const broken = await withConfig("not an object");
      expect(broken.exitCode).toBe(4);
      expect(broken.stderr).toMatch(/it is not a JSON object/);
    });

    test("with every verb that speaks to a registry, through no proxy that has a password: none is shown", async () => {
      const place = temporaryFolder();
      const proxy = "http://dog:canary-of-a-proxy@127.0.0.1:1";
      const env = { REGISTRY_AUTH_FILE: join(place, "auth.json"), HTTPS_PROXY: proxy, HTTP_PROXY: proxy };
      const image = `${locked.host}/app:1`;
      const verbs = [
        ["pack", small.link, "--push", image],
        ["push", small.link, image],
        ["push", image, `${locked.host}/other:1`],
        ["index", `${locked.host}/index:1`, image],
        ["verify", image],
        ["inspect", image],
        ["plan", small.link, "--previous", image],
        ["pack", small.link, "--link", "/above", "--base", image, "-o", join(place, "image.tar")],
      ];
      const wrong = "canary-that-is-wrong";
      for (const [password, exitCode] of [
        [testUser.password, 0],
        [wrong, 5],
      ] as const) {
        const auth = Buffer.from(`${testUser.username}:${password}`).toString("base64");
        writeFileSync(env.REGISTRY_AUTH_FILE, JSON.stringify({ auths: { [locked.host]: { auth } } }));
        for (const verb of verbs) {
          const said = await run([...verb, "--ca-file", certificates.authority.certificate, "-vvv"], { env });
          const all = said.stdout + said.stderr;
          expect({ verb, exitCode: said.exitCode, all }).toMatchObject({ verb, exitCode });
          for (const secret of [password, auth, "canary-of-a-proxy", "Basic "])
            expect(all).not.toContain(secret);
        }
      }
      const away = await run(["inspect", "registry.invalid/app:1", "-vvv"], { env });
      expect(away.exitCode).toBe(5);
      expect(away.stderr).toMatch(/the proxy of HTTPS_PROXY cannot be reached/);
      expect(away.stderr).not.toContain("canary");
    });

    test("without trust in the certificate nothing is said to it", async () => {
      const said = await run(["push", small.link, `${locked.host}/app:1`]);
      expect(said.exitCode).toBe(5);
      expect(said.stderr).toMatch(/certificate is not trusted.*\n.*--ca-file/);
    });
  });
});
