import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificates } from "../support/certificates.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { startPeerRegistry } from "../support/peer-registry.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { passwordAuth, startRegistry, testUser, type TestRegistry } from "../support/registry.ts";
import { validate } from "../support/schema.ts";
import { stowageWords, type Said } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildWorld, closureOf, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "docker-registry", "openssl");

describe.skipIf(!ready)("an image in a registry, wherever an image is taken", () => {
  let small: Built;
  let registry: TestRegistry;
  let reference: string;
  let file: string;
  beforeAll(async () => {
    small = buildWorld("tests.wrapped");
    registry = await startRegistry();
    reference = `${registry.host}/team/app:1`;
    file = join(small.folder, "app.tar");
    const words = ["pack", small.link, "-o", file, "--tag", reference, "--push", reference];
    const packed = await run(words);
    expect(packed.exitCode, packed.stderr).toBe(0);
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    small[Symbol.dispose]();
  });

  async function run(
    words: readonly string[],
    { env = {}, input = "" }: { readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
  ): Promise<Said> {
    const cwd = small.folder;
    const [program = "", ...rest] = stowageWords;
    const environment = { ...nixEnvironment, HOME: cwd, XDG_RUNTIME_DIR: cwd, DOCKER_CONFIG: "", ...env };
    return execa(program, [...rest, ...words], { cwd, env: environment, input, reject: false });
  }

  /** What the command says of the image as JSON, in the registry and in the archive. */
  const answersOf = (...words: string[]) =>
    Promise.all(
      [reference, file].map(async (image) => {
        const { stdout, stderr, exitCode } = await run([...words, image, "--json"]);
        expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
        const { image: _, form, ...answer } = validate(words[0] ?? "", stdout) as Record<string, unknown>;
        return { form, answer };
      }),
    );

  test("verify: it matches Nix, as the archive does", async () => {
    const [remote, local] = await answersOf("verify");
    expect(remote?.form).toBe("registry");
    expect(remote?.answer).toMatchObject({ verdict: "matches-nix" });
    expect(remote?.answer).toEqual(local?.answer);
  });

  test("inspect: its layers, their paths and files, as in the archive", async () => {
    const [remote, local] = await answersOf("inspect", "--limit", "0");
    expect(remote?.form).toBe("registry");
    expect(remote?.answer).toMatchObject({ findings: [], images: [{ names: [reference] }] });
    expect(remote?.answer).toEqual(local?.answer);
    const [files, same] = await answersOf("inspect", "--files", "0");
    expect(files?.answer).toEqual(same?.answer);
    const told = await run(["inspect", reference, "--layers"]);
    for (const path of closureOf(small.link)) expect(told.stdout).toContain(path);
    expect(told.stdout).toBe((await run(["inspect", file, "--layers"])).stdout);
  });

  test.each([
    ["ls", "IMAGE", "--json"],
    ["why", "IMAGE", "libc6", "--json"],
    ["plan", "IMAGE", "--json"],
    ["diff", "IMAGE", "IMAGE", "--json"],
    ["check", "IMAGE", "--budget", "BUDGET", "--json"],
  ])("%s %s %s: the same answer as of the archive", async (...words) => {
    const budget = join(temporaryFolder(), "budget.json");
    writeFileSync(budget, '{"layers": 100, "closureSize": "1 GiB", "imageSize": "1 GiB"}');
    const answers = await Promise.all(
      [reference, file].map((image) =>
        run(words.map((word) => (word === "IMAGE" ? image : word === "BUDGET" ? budget : word))),
      ),
    );
    expect(answers[0]).toMatchObject({ exitCode: 0, stderr: "" });
    expect(answers[0]?.stdout).toBe(answers[1]?.stdout);
  });

  test.each(["--previous", "--history"])("%s", async (option) => {
    const [remote, local] = await Promise.all(
      [reference, file].map((image) => run(["plan", small.link, "--json", option, image])),
    );
    expect(remote).toMatchObject({ exitCode: 0, stderr: "" });
    const answer = (said: Said | undefined) =>
      JSON.parse((said?.stdout ?? "").replaceAll(reference, file)) as unknown;
    expect(answer(remote)).toEqual(answer(local));
  });

  test("pack on top of what was pushed before", async () => {
    const words = ["pack", small.link, "--json", "--push", reference, "--previous", reference];
    const again = await run(words);
    expect(again).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(again.stdout)).toMatchObject({ pushed: [{ sent: 0 }] });
  });

  test("with a password and a private authority; nothing says the password", async () => {
    const folder = temporaryFolder();
    const certificates = makeCertificates(folder);
    await using locked = await startRegistry({ tls: certificates.server, auth: passwordAuth(folder) });
    const trust = ["--ca-file", certificates.authority.certificate];
    const login = [...trust, "--username", testUser.username, "--password-stdin", "-vv"];
    const image = `${locked.host}/app:1`;
    const input = testUser.password;
    expect(await run(["push", small.link, image, ...login], { input })).toMatchObject({ exitCode: 0 });
    const encoded = Buffer.from(`${testUser.username}:${testUser.password}`).toString("base64");
    const said = [
      await run(["verify", image, ...login], { input }),
      await run(["ls", image, ...login], { input }),
      await run(["diff", image, small.link, ...login], { input }),
      await run(["plan", small.link, "--previous", image, ...login], { input }),
      await run(["verify", image, ...trust, "-vv"]),
      await run(["verify", image, ...login], { input: "wrong-canary" }),
      await run(["diff", image, reference, ...login], { input }),
    ];
    expect(said.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 5, 5, 2]);
    for (const { stdout, stderr } of said)
      for (const word of [testUser.password, encoded, "wrong-canary"])
        expect(stdout + stderr).not.toContain(word);
    expect(said.at(-1)?.stderr).toMatch(/one name and password for 2 registries/);
  });

  test.each([
    [
      "in the text of an error",
      400,
      (shown: string) => ({ errors: [{ code: "UNAUTHORIZED", message: shown }] }),
    ],
    ["in one that passes", 503, (shown: string) => ({ errors: [{ code: shown, message: "later" }] })],
    ["in a digest, a type, a place to go to", 200, undefined],
    ["as the host of a redirect", 307, undefined],
  ])("a registry that tells what it was shown, %s: nothing says it", async (_, status, body) => {
    const canary = "canary-7f3a";
    const encoded = Buffer.from(`cat:${canary}`).toString("base64");
    await using peer = await startPeerRegistry({
      before: (request, response) => {
        const { authorization = "" } = request.headers;
        if (authorization === "") {
          response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
          return true;
        }
        const shown = `${authorization} cat:${canary} ${encodeURIComponent(encoded)} ${canary}`;
        response
          .writeHead(status, {
            location: `http://${canary}.invalid/${encoded}?${canary}`,
            "docker-content-digest": shown,
            "content-type": shown,
            "retry-after": "3600",
          })
          .end(JSON.stringify(body?.(shown) ?? {}));
        return true;
      },
    });
    const login = ["--username", "cat", "--password-stdin", "-vvv"];
    for (const words of [
      ["verify", `${peer.host}/app:1`],
      ["push", small.link, `${peer.host}/app:1`],
    ]) {
      const { stdout, stderr, exitCode } = await run([...words, ...login], { input: canary });
      expect(exitCode).toBeGreaterThan(0);
      expect(stdout + stderr).not.toBe("");
      for (const secret of [canary, encoded, encodeURIComponent(encoded)])
        expect(stdout + stderr).not.toContain(secret);
    }
  });

  test("what is neither a path nor in a registry is told as what it is", async () => {
    const missing = await run(["verify", `${registry.host}/team/app:2`]);
    expect(missing).toMatchObject({ exitCode: 5 });
    expect(missing.stderr).toMatch(/has no '127\.0\.0\.1:\d+\/team\/app:2'\n/);
    const path = await run(["verify", "missing.tar"]);
    expect(path).toMatchObject({ exitCode: 3 });
    expect(path.stderr).toMatch(/there is no 'missing.tar'/);
    const named = await run(["verify", `docker://${registry.host}/team/app:1`]);
    expect(named).toMatchObject({ exitCode: 3 });
    expect(named.stderr).toMatch(/named without docker:\/\/: 127\.0\.0\.1:\d+\/team\/app:1\n?$/);
    const upperCase = await run(["verify", `${registry.host}/team/App:1`]);
    expect(upperCase).toMatchObject({ exitCode: 3 });
    expect(upperCase.stderr).toMatch(/Nor is it an image in a registry: .* has no upper case\n?$/);
    const folder = await run(["verify", "images/App.tar"]);
    expect(folder.stderr).toMatch(/Name an image archive or a layout directory\.\n?$/);
    const mistaken = await run(["ls", "out.invalid/app.tar"]);
    expect(mistaken).toMatchObject({ exitCode: 5 });
    expect(mistaken.stderr).toMatch(/There is no file 'out\.invalid\/app\.tar' here/);
    const target = await run(["ls", "no-such-result"]);
    expect(target).toMatchObject({ exitCode: 3 });
    const foreign = await run(["ls", reference, "--platform", "linux/riscv64"]);
    expect(foreign).toMatchObject({ exitCode: 3 });
    expect(foreign.stderr).toMatch(/has no image for linux\/riscv64/);
  });
});
