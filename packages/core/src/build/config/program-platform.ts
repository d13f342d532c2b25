import { formatPlatform, type Platform } from "@stowage/oci";
import { CoreError } from "../../errors.ts";
import { ELF_HEAD_BYTES, parseElfHeader, type ElfHeader } from "../../elf/elf-header.ts";
import type { Found, ImageView } from "../image-view.ts";

/** `e_machine` (ELF gABI) to Go's GOARCH, which OCI configs use; the 32/64-bit and endian twins told apart. */
const architectures: Readonly<Record<number, (header: ElfHeader) => string | undefined>> = {
  3: () => "386",
  8: ({ bits, endianness }) => `mips${bits === 64 ? "64" : ""}${endianness === "little" ? "le" : ""}`,
  21: ({ endianness }) => (endianness === "little" ? "ppc64le" : "ppc64"),
  22: ({ bits }) => (bits === 64 ? "s390x" : undefined),
  40: () => "arm",
  62: () => "amd64",
  183: () => "arm64",
  243: ({ bits }) => (bits === 64 ? "riscv64" : undefined),
  258: () => "loong64",
};

/** `EI_OSABI` to Go's GOOS; what is not here says nothing, and Linux's own files mostly say 0. */
const systems: Readonly<Record<number, string>> = { 2: "netbsd", 6: "solaris", 9: "freebsd", 12: "openbsd" };

const MAX_INTERPRETERS = 5;

/** The platform of a program: its ELF header's, through its `#!` chain; undefined where that leads nowhere. */
export async function platformOfProgram(view: ImageView, program: Found): Promise<Platform | undefined> {
  const elf = await elfOfProgram(view, program);
  return elf === undefined ? undefined : platformOfElf(elf);
}

/** The platform of an ELF file with this head; undefined for what is none. */
export function platformOfHead(head: Buffer): Platform | undefined {
  const elf = parseElfHeader(head);
  return elf === undefined ? undefined : platformOfElf(elf);
}

async function elfOfProgram(view: ImageView, program: Found): Promise<ElfHeader | undefined> {
  let current: Found | undefined = program;
  for (let depth = 0; current !== undefined && depth < MAX_INTERPRETERS; depth++) {
    const head: Buffer = await view.readHead(current, ELF_HEAD_BYTES);
    const elf = parseElfHeader(head);
    if (elf !== undefined) return elf;
    refuseMachO(head, current.place);
    const interpreter = /^#![ \t]*([^ \t\n]+)/.exec(head.toString("latin1"))?.[1];
    current = interpreter === undefined ? undefined : await view.findProgram(interpreter);
  }
  return undefined;
}

/**
 * The one platform of the dynamically linked programs among `programs`, scripts through their interpreters; undefined
 * where there are none.
 * @throws CoreError `platform-unknown` when they contradict each other
 */
export async function platformOfPrograms(
  view: ImageView,
  programs: readonly Found[],
): Promise<Platform | undefined> {
  const [first, second] = await platformsOfPrograms(view, programs);
  if (first !== undefined && second !== undefined) {
    throw new CoreError(
      "platform-unknown",
      `programs of two platforms: ${first.place} is ${first.platform.architecture}, ${second.place} is ${second.platform.architecture}`,
      { path: second.place, hint: "Say which is meant with --platform, such as --platform linux/amd64." },
    );
  }
  return first?.platform;
}

/** The platforms of the dynamically linked programs among `programs`, each once, with one program for it. */
export async function platformsOfPrograms(
  view: ImageView,
  programs: readonly Found[],
): Promise<{ readonly platform: Platform; readonly place: string }[]> {
  const seen = new Map<string, { readonly platform: Platform; readonly place: string }>();
  for (const program of programs) {
    const elf = await elfOfProgram(view, program);
    const platform = elf?.hasInterpreter ? platformOfElf(elf) : undefined;
    if (platform !== undefined) seen.set(formatPlatform(platform), { platform, place: program.place });
  }
  return [...seen.values()];
}

function platformOfElf(header: ElfHeader): Platform | undefined {
  const architecture = architectures[header.machine]?.(header);
  return architecture === undefined ? undefined : { os: systems[header.osAbi] ?? "linux", architecture };
}

const machOMagics = new Set([0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe]);

function refuseMachO(head: Buffer, place: string): void {
  if (head.length < 4 || !machOMagics.has(head.readUInt32BE(0))) return;
  throw new CoreError("platform-unknown", `${place} is a macOS program; containers run Linux programs`, {
    path: place,
    hint: "Build the package for Linux, for example as packages.x86_64-linux.",
  });
}
