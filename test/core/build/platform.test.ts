import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack } from "@stowage/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nixEnvironment } from "../../support/nix-environment.ts";
import { requirePrograms } from "../../support/programs.ts";
import { removeFolder } from "../../support/temporary-folder.ts";

/** The head of an ELF file (System V ABI, "ELF Header"), with a program interpreter or without. */
function elf(
  machine: number,
  {
    bits = 64,
    little = true,
    osAbi = 0,
    dynamic = true,
  }: { bits?: 32 | 64; little?: boolean; osAbi?: number; dynamic?: boolean } = {},
): Buffer {
  const is64 = bits === 64;
  const head = Buffer.alloc(512);
  head.write("\u007fELF", 0, "latin1");
  head.set([is64 ? 2 : 1, little ? 1 : 2, 1, osAbi], 4);
  const half = (value: number, at: number): number =>
    little ? head.writeUInt16LE(value, at) : head.writeUInt16BE(value, at);
  const word = (value: number, at: number): number =>
    little ? head.writeUInt32LE(value, at) : head.writeUInt32BE(value, at);
  half(2, 16);
  half(machine, 18);
  // The program headers: where, how large, how many.
  const table = is64 ? 64 : 52;
  word(table, little || !is64 ? (is64 ? 32 : 28) : 36);
  half(is64 ? 56 : 32, is64 ? 54 : 42);
  half(1, is64 ? 56 : 44);
  word(dynamic ? 3 : 1, table);
  return head;
}

const machines: [string, Buffer][] = [
  ["linux/386", elf(3, { bits: 32 })],
  ["linux/amd64", elf(62)],
  ["linux/arm", elf(40, { bits: 32 })],
  ["linux/arm64", elf(183)],
  ["linux/mips64le", elf(8)],
  ["linux/mips", elf(8, { bits: 32, little: false })],
  ["linux/ppc64", elf(21, { little: false })],
  ["linux/ppc64le", elf(21)],
  ["linux/s390x", elf(22, { little: false })],
  ["linux/riscv64", elf(243)],
  ["linux/loong64", elf(258)],
  ["freebsd/amd64", elf(62, { osAbi: 9 })],
];

describe.skipIf(!requirePrograms("nix-store"))("the platform and the ELF files", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-platform-"));
  const store = `local?root=${join(folder, "root")}`;
  const paths = new Map<string, string>();

  /** Adds a store path with programs in `bin`. */
  function add(name: string, programs: Readonly<Record<string, Buffer | string>>): void {
    const source = join(folder, name);
    mkdirSync(join(source, "bin"), { recursive: true });
    for (const [program, contents] of Object.entries(programs)) {
      writeFileSync(join(source, "bin", program), contents);
      chmodSync(join(source, "bin", program), 0o755);
    }
    const words = ["--store", store, "--add", source];
    const said = execFileSync("nix-store", words, {
      env: nixEnvironment,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    paths.set(name, said.trim());
  }

  beforeAll(() => {
    for (const [platform, head] of machines) add(platform.replace("/", "-"), { app: head });
    add("static", { static: elf(183, { dynamic: false }) });
    add("script", { script: "#!/bin/sh\nexit 0\n" });
    add("beside", { beside: "#!/bin/sh\nexit 0\n", tool: elf(62), other: elf(62) });
    add("mixed", { mixed: "#!/bin/sh\nexit 0\n", tool: elf(62), other: elf(183) });
  });
  afterAll(() => removeFolder(folder));

  const platformOf = async (name: string, platform?: string): Promise<string> => {
    const target = paths.get(name) as string;
    const environment = { ...nixEnvironment, XDG_CACHE_HOME: join(folder, "cache") };
    return (await pack({ targets: [target], store, platform, dryRun: true, environment })).platform;
  };

  test.each(machines)("%s is what its program says, and nothing else is believed", async (platform) => {
    const name = platform.replace("/", "-");
    expect(await platformOf(name)).toBe(platform);
    expect(await platformOf(name, platform)).toBe(platform);
    const wrong = platform === "linux/s390x" ? "linux/riscv64" : "linux/s390x";
    await expect(platformOf(name, wrong)).rejects.toMatchObject({
      code: "platform-mismatch",
      message: `/result/bin/app is a program for ${platform}, not for ${wrong}`.replace(
        "/result",
        paths.get(name) as string,
      ),
    });
  });

  test.each([
    ["linux-arm", "linux/arm/v7", "any variant is believed, as no ELF file says it"],
    ["linux-arm", "linux/arm/v6", "any variant is believed, as no ELF file says it"],
    ["linux-arm64", "linux/arm64/v8", "any variant is believed, as no ELF file says it"],
    ["linux-386", "linux/amd64", "a 64-bit system runs 32-bit programs"],
    ["linux-arm", "linux/arm64", "a 64-bit system runs 32-bit programs"],
    ["static", "linux/arm64", "a static program says it too"],
    ["script", "linux/riscv64", "a script whose interpreter is elsewhere says nothing"],
    ["beside", "linux/amd64", "programs beside it say it"],
    ["mixed", "linux/arm64", "one of the programs beside it says it"],
  ])("%s for %s: %s", async (name, platform) => {
    expect(await platformOf(name, platform)).toBe(platform);
  });

  test.each([
    ["linux-amd64", "linux/386", "platform-mismatch"],
    ["linux-arm64", "linux/arm/v7", "platform-mismatch"],
    ["linux-amd64", "windows/amd64", "platform-mismatch"],
    ["linux-amd64", "freebsd/amd64", "platform-mismatch"],
    ["static", "linux/amd64", "platform-mismatch"],
    ["beside", "linux/arm64", "platform-mismatch"],
    ["mixed", "linux/s390x", "platform-mismatch"],
    ["script", undefined, "platform-unknown"],
    ["mixed", undefined, "platform-unknown"],
  ])("%s for %s is refused", async (name, platform, code) => {
    await expect(platformOf(name, platform)).rejects.toMatchObject({ code });
  });
});
