import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pack, verify, type VerifyResult } from "@stowage/core";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDocker } from "../support/docker.ts";
import { writeLayout } from "../support/forge-image.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { reforge, type Change } from "../support/reforge-image.ts";
import { validate } from "../support/schema.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { forgeHeader, forgeMember } from "../support/tar-forge.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildWorld, closureOf, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store");
const withoutNix = { ...nixEnvironment, PATH: "/nonexistent" };
const forms = ["archive", "docker-archive", "oci-dir"] as const;

describe.skipIf(!ready)("verify", () => {
  let wrapped: Built;
  /** The same image in each form. */
  const images = {} as Record<(typeof forms)[number], string>;

  beforeAll(async () => {
    wrapped = buildWorld("tests.wrapped");
    for (const format of forms) {
      images[format] = join(wrapped.folder, format);
      await pack({
        targets: [wrapped.link],
        output: images[format],
        format,
        entrypoint: ["/result/bin/wrapped-program"],
        environment: nixEnvironment,
      });
    }
  });
  afterAll(() => wrapped[Symbol.dispose]());

  test.each(forms)(
    "%s matches Nix, path by path, and is self-consistent where there is no Nix",
    async (form) => {
      const image = images[form];
      const matching = await verify({ image, environment: nixEnvironment });
      expect(matching).toMatchObject({
        verdict: "matches-nix",
        findings: [],
        store: { asked: true, known: 3 },
      });
      const [{ storePaths } = { storePaths: [] }] = matching.images;
      expect(storePaths.map(({ path }) => path).toSorted()).toEqual(closureOf(wrapped.link).toSorted());
      for (const { path, narHash, narSize } of storePaths) {
        const nar = (await execa("nix-store", ["--dump", path], { encoding: "buffer" })).stdout;
        expect(narSize).toBe(nar.length);
        expect(narHash).toBe(`sha256-${createHash("sha256").update(nar).digest("base64")}`);
      }
      const alone = await verify({ image, environment: withoutNix });
      expect(alone).toMatchObject({
        verdict: "self-consistent",
        findings: [],
        store: { asked: false, known: 0 },
      });
      expect(alone.images[0]?.storePaths.map(({ status }) => status)).toEqual(
        Array(3).fill("self-consistent"),
      );
    },
  );

  test("a store that does not have the paths vouches for nothing; one that is named has to be there", async () => {
    const root = temporaryFolder();
    await execa("nix-store", ["--store", `local?root=${root}`, "--init"], { env: nixEnvironment });
    await execa("mkdir", ["-p", `${root}/nix/store`]);
    const image = images.archive;
    const elsewhere = await verify({ image, store: `local?root=${root}`, environment: nixEnvironment });
    expect(elsewhere).toMatchObject({ verdict: "self-consistent", store: { asked: true, known: 0 } });
    await expect(verify({ image, store: "daemon", environment: withoutNix })).rejects.toMatchObject({
      code: "nix-missing",
    });
    await expect(verify({ image, store: "s3://x", environment: nixEnvironment })).rejects.toMatchObject({
      code: "store-unsupported",
    });
  });

  describe("the command", () => {
    test("says what was verified and the verdict; JSON fits its schema", async () => {
      for (const form of forms) {
        const said = await stowage(["verify", images[form]]);
        expect(said).toMatchObject({ exitCode: 0, stderr: "" });
        expect(said.stdout).toMatch(
          /^docker\.io\/library\/wrapped:latest {2}linux\/amd64, 4 layers, .* entries\n {2}3 store paths: 3 match Nix\n.*: matches Nix$/,
        );
      }
      const json = await stowage(["verify", images.archive, "--json"]);
      expect(validate("verify", json.stdout)).toMatchObject({ verdict: "matches-nix", form: "archive" });
      const [program = "", ...words] = stowageWords;
      const redirect = [
        "-c",
        `exec "$@" < '${images["docker-archive"]}'`,
        "sh",
        program,
        ...words,
        "verify",
        "-",
      ];
      expect((await execa("sh", redirect, { env: nixEnvironment })).stdout).toContain("matches Nix");
    });

    test("an archive through a pipe is read in one pass; a layout is none; one that is cut off is found out", async () => {
      const [program = "", ...words] = stowageWords;
      const pipe = (command: string) =>
        execa("sh", ["-c", command, "sh", program, ...words, "verify", "-", "--json"], {
          env: nixEnvironment,
          reject: false,
        });
      for (const form of ["archive", "docker-archive"] as const) {
        const whole = await verify({ image: images[form], environment: nixEnvironment });
        const { stdout, exitCode } = await pipe(`cat '${images[form]}' | "$@"`);
        expect(exitCode, stdout).toBe(0);
        const { schemaVersion: _, ...piped } = validate("verify", stdout) as Record<string, unknown>;
        expect(piped).toEqual(JSON.parse(JSON.stringify({ ...whole, image: "stdin" })));
        const zipped = await pipe(`gzip -1 < '${images[form]}' | gzip -dc | "$@"`);
        expect(zipped.stdout).toBe(stdout);
      }
      const named = await execa(
        "sh",
        ["-c", `cat '${images.archive}' | "$@"`, "sh", program, ...words, "verify", "/dev/stdin"],
        { env: nixEnvironment },
      );
      expect(named.stdout).toContain("matches Nix");
      const cut = await pipe(`head -c 3000000 '${images.archive}' | "$@"`);
      expect(cut).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("is not an image") });
      const nothing = await pipe(`gzip < '${images.archive}' | "$@"`);
      expect(nothing).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("gzip -dc FILE") });
    });

    test("without Nix it says self-consistent, and why", async () => {
      const said = await stowage(["verify", images["oci-dir"]], { env: withoutNix });
      expect(said.stdout).toMatch(
        /own record says\n {2}Nix was not asked: .*not installed[^]*: self-consistent$/,
      );
      expect(said.stdout).not.toContain("matches Nix");
      expect(said.exitCode).toBe(0);
    });

    test("findings: exit status 1, each with its code and place; what is no image: 3", async () => {
      const folder = join(temporaryFolder(), "layout");
      writeLayout(folder, reforge(images["oci-dir"], { layer: (tar) => turnContents(tar) }));
      const said = await stowage(["verify", folder]);
      expect(said.exitCode).toBe(1);
      expect(said.stdout).toMatch(
        /^nar-hash-mismatch {2}layer \d, \/nix\/store\/.*: its NAR hash is sha256-.* Nix says/m,
      );
      expect(said.stdout).toMatch(/: \d findings$/);
      const json = await stowage(["verify", folder, "--json"]);
      expect(json.exitCode).toBe(1);
      expect(validate("verify", json.stdout)).toMatchObject({ verdict: "failed" });
      for (const [image, words] of [
        [join(temporaryFolder(), "nothing"), "there is no"],
        ["/etc/passwd", "is not an image"],
        [temporaryFolder(), "no image layout"],
      ] as const) {
        const refused = await stowage(["verify", image]);
        expect(refused).toMatchObject({ exitCode: 3, stdout: "" });
        expect(refused.stderr).toContain(words);
        expect(refused.stderr).not.toMatch(/^ +at /m);
      }
    });

    test.skipIf(!requirePrograms("strace"))("writes nothing", async () => {
      const trace = join(temporaryFolder(), "trace");
      const calls =
        "trace=open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,truncate,ftruncate,chmod,fchmod,fchmodat,mknod,mknodat,utimensat";
      for (const image of Object.values(images)) {
        const words = [
          "-f",
          "-qq",
          "-o",
          trace,
          "-E",
          "PATH=/nowhere",
          "-e",
          calls,
          ...stowageWords,
          "verify",
          image,
        ];
        // What Node keeps of the command's own code is kept by every verb.
        const { stdout } = await execa("strace", words, { env: { NODE_DISABLE_COMPILE_CACHE: "1" } });
        expect(stdout).toContain("self-consistent");
        const lines = readFileSync(trace, "utf8").split("\n");
        expect(lines.length).toBeGreaterThan(10);
        // What another thread's call came between is told in two lines, the first of which has the words.
        const begun = lines.filter((line) => !/<\.\.\. \w+ resumed>/.test(line));
        const writing = begun.filter((line) => !/open(at2?)?\(.*O_RDONLY/.test(line) && /\(/.test(line));
        expect(writing.filter((line) => !/"\/dev\/(null|tty)"/.test(line))).toEqual([]);
      }
    });
  });

  describe("what is wrong with store paths is found, though every digest is right", () => {
    const verifyChanged = (change: Change, environment = nixEnvironment): Promise<VerifyResult> => {
      const folder = join(temporaryFolder(), "layout");
      writeLayout(folder, reforge(images["oci-dir"], change));
      return verify({ image: folder, environment });
    };
    const codes = ({ findings }: VerifyResult): string[] =>
      [...new Set(findings.map(({ code }) => code))].toSorted();

    test("an image that is put together again is as it was", async () => {
      expect(await verifyChanged({})).toMatchObject({ verdict: "matches-nix", findings: [] });
    });

    const onLayer = (change: (tar: Buffer) => Buffer): Change => ({
      layer: (tar, index) => (index === 0 ? change(tar) : tar),
    });
    const layerCases: Record<string, [(tar: Buffer) => Buffer, string[]]> = {
      "a byte of a file": [turnContents, ["nar-hash-mismatch"]],
      "an executable bit": [
        (tar) => changeHeader(tar, (header) => header.write("0000555", 100, "latin1"), /0444/),
        ["nar-hash-mismatch"],
      ],
      "a mode": [
        (tar) => changeHeader(tar, (header) => header.write("0000644", 100, "latin1"), /0444/),
        ["store-metadata"],
      ],
      "a setuid bit": [
        (tar) => changeHeader(tar, (header) => header.write("0004555", 100, "latin1"), /0555/),
        ["store-metadata"],
      ],
      "an owner": [
        (tar) => changeHeader(tar, (header) => header.write("0001750", 108, "latin1")),
        ["store-metadata"],
      ],
      "a time": [
        (tar) => changeHeader(tar, (header) => header.write("00000000002", 136, "latin1")),
        ["store-metadata"],
      ],
      "a file more": [
        (tar) => insert(tar, (path) => forgeMember({ name: `${path}/zzz`, mode: 0o444 }, "x")),
        ["nar-hash-mismatch"],
      ],
      "a file twice": [
        (tar) =>
          insert(tar, (path) =>
            Buffer.concat(Array(2).fill(forgeMember({ name: `${path}/zzz`, mode: 0o444 }))),
          ),
        ["store-path-invalid"],
      ],
      "a hard link": [
        (tar) =>
          insert(tar, (path) => forgeHeader({ name: `${path}/zzz`, type: "1", linkName: path, mode: 0o444 })),
        ["store-path-invalid"],
      ],
      "a device": [
        (tar) => insert(tar, (path) => forgeHeader({ name: `${path}/zzz`, type: "3", mode: 0o444 })),
        ["entry-type", "store-path-invalid"],
      ],
      "a whiteout in a path": [
        (tar) => insert(tar, (path) => forgeMember({ name: `${path}/.wh.bin`, mode: 0o444 })),
        ["store-path-invalid"],
      ],
      "a file below a symlink": [
        (tar) =>
          insert(tar, (path) =>
            Buffer.concat([
              forgeHeader({ name: `${path}/zz`, type: "2", linkName: "/etc", mode: 0o777 }),
              forgeMember({ name: `${path}/zz/passwd`, mode: 0o444 }, "x"),
            ]),
          ),
        ["store-path-invalid"],
      ],
      "something that is no store path": [
        (tar) => insert(tar, () => forgeMember({ name: "nix/store/secret", mode: 0o444 }, "x")),
        ["store-entry"],
      ],
      "a store path that nobody knows": [
        (tar) => insert(tar, () => forgeMember({ name: `nix/store/${"0".repeat(32)}-x`, mode: 0o444 }, "x")),
        ["store-path-unrecorded"],
      ],
    };
    test.each(Object.entries(layerCases))("%s", async (_, [change, expected]) => {
      for (const environment of [nixEnvironment, withoutNix]) {
        const result = await verifyChanged(onLayer(change), environment);
        expect(result.verdict).toBe("failed");
        expect(codes(result)).toEqual(expected);
      }
    });

    test("a path in no layer, in two, deleted by a whiteout", async () => {
      const missing = await verifyChanged({ layer: (tar, index) => (index === 0 ? undefined : tar) });
      expect(codes(missing)).toContain("reference-missing");
      let first: Buffer = Buffer.alloc(0);
      const twice = await verifyChanged({
        layer: (tar, index) => {
          if (index === 0) first = Buffer.from(tar);
          return index === 1 ? first : tar;
        },
      });
      expect(codes(twice)).toEqual(expect.arrayContaining(["store-path-missing", "store-path-split"]));
      const deleted = await verifyChanged({
        layer: (tar, index) => {
          const name = /nix\/store\/([^/\0]+)/.exec(tar.toString("latin1", 1024))?.[1];
          if (index === 0) first = forgeMember({ name: `nix/store/.wh.${name}` });
          return index === 1 ? Buffer.concat([first, tar]) : tar;
        },
      });
      expect(codes(deleted)).toContain("store-entry");
    });

    type Recorded = { path: string; narHash: string; narSize: number; references: string[] };
    const onRecord = (change: (paths: Recorded[]) => Recorded[] | string): Change => ({
      config: (config) => ({
        ...config,
        history: config.history.map((entry, index) => {
          const start = entry.created_by.indexOf("{");
          if (index > 0 || start === -1) return entry;
          const record = JSON.parse(entry.created_by.slice(start)) as { paths: Recorded[] };
          const changed = change(record.paths);
          const text = typeof changed === "string" ? changed : JSON.stringify({ ...record, paths: changed });
          return { ...entry, created_by: `x ${text}` };
        }),
      }),
    });
    const otherHash = `sha256-${Buffer.alloc(32).toString("base64")}`;
    const stranger = `${"0".repeat(32)}-stranger`;
    const recordCases: Record<string, [(paths: Recorded[]) => Recorded[] | string, string[], string[]]> = {
      "another hash": [
        (paths) => paths.map((path) => ({ ...path, narHash: otherHash })),
        ["record-mismatch"],
        ["nar-hash-mismatch"],
      ],
      "another size": [
        (paths) => paths.map((path) => ({ ...path, narSize: 8 })),
        ["record-mismatch"],
        ["nar-hash-mismatch"],
      ],
      "a reference to nothing": [
        (paths) => paths.map((path) => ({ ...path, references: [...path.references, stranger] })),
        ["record-mismatch", "reference-missing"],
        ["reference-missing"],
      ],
      "a path more": [
        (paths) => [...paths, { path: stranger, narHash: otherHash, narSize: 8, references: [] }],
        ["store-path-missing"],
        ["store-path-missing"],
      ],
      "a path twice": [(paths) => [...paths, ...paths], ["record-mismatch"], ["record-mismatch"]],
      "no path": [() => [], ["store-path-unrecorded"], ["store-path-unrecorded"]],
      "a path that is none": [
        (paths) => paths.map((path) => ({ ...path, path: "../../etc" })),
        ["record-mismatch"],
        ["record-mismatch"],
      ],
      "no list": [
        () => '{"schemaVersion":1,"storeDir":"/nix/store","paths":[null]}',
        ["record-mismatch"],
        ["record-mismatch"],
      ],
    };
    test.each(Object.entries(recordCases))("in the record: %s", async (_, [change, withNix, without]) => {
      const asked = await verifyChanged(onRecord(change));
      expect(codes(asked)).toEqual(expect.arrayContaining(withNix));
      const alone = await verifyChanged(onRecord(change), withoutNix);
      expect(codes(alone)).toEqual(expect.arrayContaining(without));
      for (const { verdict } of [asked, alone]) expect(verdict).toBe("failed");
    });

    test("an image without a record matches Nix, or nothing says what it should be", async () => {
      const change: Change = { config: ({ history: _history, ...config }) => config };
      expect(await verifyChanged(change)).toMatchObject({ verdict: "matches-nix", findings: [] });
      expect(await verifyChanged(change, withoutNix)).toMatchObject({ verdict: "unchecked", findings: [] });
    });

    test("a root, a program that is not there", async () => {
      const withConfig = (own: Record<string, unknown>): Change => ({
        config: (config) => ({ ...config, config: { ...config.config, ...own } }),
      });
      const labels = { "stowage.root.1": `/nix/store/${stranger}` };
      expect(codes(await verifyChanged(withConfig({ Labels: labels })))).toEqual(["root-missing"]);
      for (const program of ["/result/bin/none", "/bin/sh", `${closureOf(wrapped.link)[0]}/bin/none`]) {
        const result = await verifyChanged(withConfig({ Entrypoint: [program] }));
        expect(codes(result), program).toEqual(["entrypoint-missing"]);
      }
      const found = await verifyChanged(withConfig({ Entrypoint: null, Cmd: ["/etc/passwd"] }));
      expect(codes(found)).toEqual([]);
      // What a link calls otherwise is not known to be missing.
      const linked: Change = {
        ...withConfig({ Entrypoint: ["/program"] }),
        layer: (tar, index) => {
          const link = forgeHeader({
            name: "program",
            type: "2",
            linkName: `${closureOf(wrapped.link)[0]}/etc/other`,
          });
          return index === 3 ? Buffer.concat([link, tar]) : tar;
        },
      };
      expect(codes(await verifyChanged(linked))).toEqual([]);
    });
  });

  describe("images that other tools wrote have nothing wrong with them", () => {
    const expectMatching = async (...paths: readonly string[]): Promise<void> => {
      for (const image of paths) {
        const { verdict, findings } = await verify({ image, environment: nixEnvironment });
        expect({ image, verdict, findings }).toEqual({ image, verdict: "matches-nix", findings: [] });
      }
    };

    test.skipIf(!requirePrograms("skopeo", "umoci", "tar"))("skopeo, umoci, tar", async () => {
      const folder = temporaryFolder();
      const run = (program: string, ...words: string[]) => execa(program, words, { cwd: folder });
      await run("skopeo", "copy", `docker-archive:${images.archive}`, "docker-archive:a.tar:wrapped:1");
      await run("skopeo", "copy", `oci-archive:${images.archive}`, "oci-archive:b.tar");
      await run("skopeo", "copy", `oci-archive:${images.archive}`, "oci:c");
      await run("cp", "-r", images["oci-dir"], "d");
      await run("umoci", "tag", "--image", "d:latest", "other");
      await run("umoci", "config", "--image", "d:other", "--config.env", "A=1");
      await run("tar", "-C", images["oci-dir"], "-cf", "e.tar", ".");
      await expectMatching(...["a.tar", "b.tar", "c", "d", "e.tar"].map((name) => join(folder, name)));
    });

    test.skipIf(!requirePrograms("podman"))("podman", async () => {
      const folder = temporaryFolder();
      const places = [
        "--root",
        join(folder, "root"),
        "--runroot",
        join(folder, "run"),
        "--storage-driver",
        "vfs",
      ];
      const podman = (...words: string[]) => execa("podman", [...places, ...words], { cwd: folder });
      await podman("load", "-i", images.archive);
      for (const format of ["docker-archive", "oci-archive", "oci-dir"])
        await podman("save", "--format", format, "-o", join(folder, format), "wrapped:latest");
      await expectMatching(...["docker-archive", "oci-archive", "oci-dir"].map((name) => join(folder, name)));
    });

    test.skipIf(!requirePrograms("docker", "dockerd"))(
      "docker: saved, committed, built on, two in one",
      async () => {
        const folder = temporaryFolder();
        await using docker = await startDocker();
        await docker.run("load", "-i", images.archive);
        writeFileSync(join(folder, "motd"), "hello");
        await docker.run("create", "--name", "changed", "wrapped:latest");
        await docker.run("cp", join(folder, "motd"), "changed:/opt");
        await docker.run("cp", join(folder, "motd"), "changed:/etc/motd");
        await docker.run("commit", "changed", "wrapped:changed");
        await docker.run("save", "-o", join(folder, "one.tar"), "wrapped:latest");
        await docker.run("save", "-o", join(folder, "two.tar"), "wrapped:latest", "wrapped:changed");
        expect(existsSync(join(folder, "two.tar"))).toBe(true);
        await expectMatching(join(folder, "one.tar"), join(folder, "two.tar"));
      },
    );
  });
});

/** Turns a byte of the first file's contents around. */
function turnContents(tar: Buffer): Buffer {
  const copy = Buffer.from(tar);
  const at = headers(copy).find(({ type, size }) => type === "0" && size > 0)?.at ?? 0;
  copy[at + 512] = (copy[at + 512] as number) ^ 1;
  return copy;
}

/** Changes the first header inside a store path whose mode fits, and its checksum. */
function changeHeader(tar: Buffer, change: (header: Buffer) => unknown, mode = /./): Buffer {
  const copy = Buffer.from(tar);
  const found = headers(copy).find(
    ({ at, type, name }) =>
      type === "0" && name.includes("/nix/store/") && mode.test(copy.toString("latin1", at + 100, at + 107)),
  );
  const header = copy.subarray(found?.at, (found?.at ?? 0) + 512);
  change(header);
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return copy;
}

/** Puts something behind the last entry of a layer; it is told the last store path. */
function insert(tar: Buffer, make: (path: string) => Buffer): Buffer {
  const all = headers(tar);
  const name = all.at(-1)?.name ?? "";
  const path = name.split("/").slice(1, 4).join("/");
  const end = all.at(-1)?.end ?? 0;
  return Buffer.concat([tar.subarray(0, end), make(path), Buffer.alloc(1024)]);
}

function headers(tar: Buffer): { at: number; end: number; type: string; size: number; name: string }[] {
  const found = [];
  for (let at = 0; tar[at] !== 0;) {
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 135), 8);
    const end = at + 512 + Math.ceil(size / 512) * 512;
    const name = tar.toString("latin1", at, tar.indexOf(0, at));
    found.push({ at, end, type: tar.toString("latin1", at + 156, at + 157), size, name });
    at = end;
  }
  return found;
}
