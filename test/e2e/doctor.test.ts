import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pack, type PackOptions } from "@stowage/core";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { buildFlake, buildWorld } from "../support/world.ts";

/** The head of an ELF program: machine, and the interpreter that it asks for. */
function elf(machine: number, interpreter: string): Buffer {
  const head = Buffer.alloc(256);
  head.write("\u007fELF\u0002\u0001\u0001", "latin1");
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(machine, 18);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(3, 64);
  head.writeBigUInt64LE(128n, 64 + 8);
  head.writeBigUInt64LE(BigInt(interpreter.length + 1), 64 + 32);
  head.write(`${interpreter}\0`, 128, "latin1");
  return head;
}

const AMD64 = 62;
const ARM64 = 183;

describe.skipIf(!requirePrograms("nix-store"))(
  "what breaks images is told at pack time, with the fix",
  () => {
    let folder: string;
    let url: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "stowage-doctor-"));
      url = `local?root=${join(folder, "root")}`;
    });
    afterAll(() => removeFolder(folder));

    /** A store path with these programs in `bin/`. */
    function add(name: string, programs: Readonly<Record<string, string | Buffer>>): string {
      const bin = join(folder, "source", name, "bin");
      mkdirSync(bin, { recursive: true });
      for (const [program, contents] of Object.entries(programs)) {
        writeFileSync(join(bin, program), contents);
        chmodSync(join(bin, program), 0o755);
      }
      return execFileSync("nix-store", ["--store", url, "--add", join(folder, "source", name)], {
        env: nixEnvironment,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).trim();
    }

    async function warningsOf(
      targets: readonly string[],
      options: Partial<PackOptions> = {},
    ): Promise<string[]> {
      const { warnings } = await pack({
        targets,
        store: url,
        platform: "linux/amd64",
        dryRun: true,
        environment: nixEnvironment,
        ...options,
      });
      return warnings.filter((warning) => !warning.startsWith("no entrypoint"));
    }

    test("a script whose interpreter is missing; not one whose interpreter is there", async () => {
      const script = add("script-1", { script: "#!/bin/sh\necho\n" });
      expect(await warningsOf([script])).toEqual([
        `${script}/bin/script begins with #!/bin/sh, which is not in the image: add --with shell`,
      ]);
      const shell = join(folder, "sh");
      writeFileSync(shell, elf(AMD64, "/bin/sh"));
      chmodSync(shell, 0o755);
      expect(await warningsOf([script], { files: [{ source: shell, path: "/bin/sh" }] })).toEqual([]);
      const perl = add("perl-script-1", { tool: "#!/usr/bin/perl -w\n" });
      expect(await warningsOf([perl])).toEqual([
        `${perl}/bin/tool begins with #!/usr/bin/perl, which is not in the image: let patchShebangs mend it`,
      ]);
    });

    test("env that looks for a program which is not in PATH", async () => {
      const script = add("env-script-1", { tool: "#!/usr/bin/env python3\n" });
      const env = { source: join(folder, "env"), path: "/usr/bin/env" };
      writeFileSync(env.source, elf(AMD64, "/nowhere"));
      chmodSync(env.source, 0o755);
      expect(await warningsOf([script], { files: [env] })).toEqual([
        `${script}/bin/tool looks for python3 in PATH, where it is not: pack what has it as a further target`,
      ]);
      const python = add("python-1", { python3: elf(AMD64, "/result/bin/tool") });
      expect(await warningsOf([script, python], { files: [env] })).toEqual([]);
    });

    test("a program that was not built by Nix, and one for another platform", async () => {
      const foreign = add("foreign-1", { foreign: elf(AMD64, "/lib64/ld-linux-x86-64.so.2") });
      expect(await warningsOf([foreign])).toEqual([
        expect.stringContaining("asks for /lib64/ld-linux-x86-64.so.2, which is not in the image"),
      ]);
      const mixed = add("mixed-1", { mixed: elf(AMD64, "/result/bin/mixed"), other: elf(ARM64, "/x") });
      expect(await warningsOf([mixed])).toEqual([
        `${mixed}/bin/other is a program for arm64, and the image is for linux/amd64: build it for that, or say --platform`,
      ]);
    });

    test("a script that calls programs at places of other systems; what it only tests for is its own business", async () => {
      const script = add("calls-1", {
        calls:
          "#!/result/bin/sh\n/usr/bin/id\n  exec /bin/ls -l\n# /bin/no\n[ -x /usr/bin/foo ] && /usr/bin/foo\nPATH=/usr/bin\n",
        sh: elf(AMD64, "/result/bin/sh"),
      });
      expect(await warningsOf([script])).toEqual([
        `${script}/bin/calls calls /usr/bin/id, which is not in the image: let it call the program in the store`,
        `${script}/bin/calls calls /bin/ls, which is not in the image: let it call the program in the store`,
      ]);
    });

    test("an entrypoint that is not there, is a folder, cannot be run, or is not in PATH", async () => {
      const sound = add("sound-1", { sound: elf(AMD64, "/result/bin/sound") });
      const cases: [string, RegExp][] = [
        ["/result/bin/none", /^the container is to start \/result\/bin\/none, which is not in the image: /],
        ["/result/bin", /which is a directory: name a program with --entrypoint$/],
        ["/etc/passwd", /which is not executable: name a program with --entrypoint$/],
        ["nowhere", /which is not in a folder of PATH: /],
      ];
      for (const [program, text] of cases)
        expect(await warningsOf([sound], { entrypoint: [program] })).toEqual([expect.stringMatching(text)]);
      expect(await warningsOf([sound], { entrypoint: ["sound"] })).toEqual([]);
      expect(await warningsOf([sound])).toEqual([]);
    });

    test("a user whom nobody knows, and no /tmp", async () => {
      const sound = add("sound-1", { sound: elf(AMD64, "/result/bin/sound") });
      const config = (User: string): Partial<PackOptions> => ({ config: { User } });
      expect(await warningsOf([sound], config("cat"))).toEqual([
        "the container is to run as 'cat', and /etc/passwd does not have it: give --user, which adds who is new, or a number",
      ]);
      for (const user of ["nobody", "root:root", "1000", "1000:1000"])
        expect(await warningsOf([sound], config(user)), user).toEqual([]);
      expect(await warningsOf([sound], { user: "cat" })).toEqual([]);
      expect(await warningsOf([sound], { bare: true })).toEqual([
        "there is no /tmp in the image: leave --bare out, or add --dir /tmp:1777",
      ]);
      expect(
        await warningsOf([sound], { bare: true, directories: [{ path: "/tmp", mode: 0o1777 }] }),
      ).toEqual([]);
    });

    test("many programs with one trouble are told of by a few", async () => {
      const names = Array.from({ length: 10 }, (_, index) => [`tool-${index}`, "#!/bin/sh\n"]);
      const warnings = await warningsOf([add("many-1", Object.fromEntries(names) as Record<string, string>)]);
      expect(warnings.length).toBe(4);
      expect(warnings.at(-1)).toBe("7 more programs have the same trouble");
    });

    test.skipIf(!requireWorld() || !requirePrograms("nix"))(
      "programs that Nix built have nothing wrong with them; what speaks TLS wants certificates",
      async () => {
        using fortuneCat = buildFlake("fortune-cat");
        using curl = buildWorld("curl");
        const real = { store: undefined, platform: undefined };
        expect(await warningsOf([fortuneCat.link], real)).toEqual([]);
        expect(await warningsOf([curl.link], real)).toEqual([
          expect.stringMatching(
            /^(lib)?curl4? speaks TLS, and the image has no CA certificates: add --with ca-certificates$/,
          ),
        ]);
        expect(await warningsOf([curl.link], { ...real, with: ["ca-certificates"] })).toEqual([]);
        expect(await warningsOf([curl.link], { ...real, env: { SSL_CERT_FILE: "/run/ca.crt" } })).toEqual([]);
      },
    );
  },
);
