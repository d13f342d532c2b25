import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { shell, type Contender } from "./contender.ts";
import type { Subject } from "./subject.ts";

/** Layers of the two-pass writer's image: as many as stowage makes at most. */
const MAX_LAYERS = "100";

/** GNU tar: the paths once, without a hash and without layers. */
export function tarToFile(subject: Subject, output: string): Contender {
  return { name: "tar cf", command: ["tar", "-P", "-cf", output, ...subject.directories] };
}

/** The same with the archive flushed to the disk, as stowage flushes its own. */
export function tarToFlushedFile(subject: Subject, output: string): Contender {
  const script = 'out=$1; shift; tar -P -cf "$out" "$@"; sync "$out"';
  return { name: "tar cf, sync", command: shell(script, output, ...subject.directories) };
}

export function tarToPipe(subject: Subject): Contender {
  return { name: "tar | cat", command: shell('tar -P -cf - "$@" | cat > /dev/null', ...subject.directories) };
}

/** The closure copied file by file into a folder. */
export function copyTree(subject: Subject, folder: string): Contender {
  return {
    name: "cp -R",
    command: ["cp", "-R", ...subject.directories, folder],
    before: () => mkdirSync(folder, { recursive: true }),
  };
}

/** A docker-archive by Python's tarfile, each layer made twice, as streamLayeredImage does it. */
export function twoPassesToFile(subject: Subject, output: string): Contender {
  const script = 'out=$1; shift; python3 "$@" > "$out"';
  return { name: "tarfile, twice", command: shell(script, output, ...twoPasses(subject)) };
}

export function twoPassesToPipe(subject: Subject): Contender {
  return {
    name: "tarfile, twice | cat",
    command: shell('python3 "$@" | cat > /dev/null', ...twoPasses(subject)),
  };
}

function twoPasses(subject: Subject): string[] {
  const writer = join(import.meta.dirname, "two_pass.py");
  return [writer, subject.storeRoot, MAX_LAYERS, ...subject.directories];
}

/** SHA-256 of as many bytes, on all processors, in memory. */
export function hashLimit(subject: Subject, folder: string): Contender {
  const clock = join(folder, "seconds");
  const program = join(import.meta.dirname, "sha256-limit.ts");
  return {
    name: "SHA-256 in memory",
    command: [process.execPath, program, String(subject.bytes), clock],
    clock,
  };
}

export type CodecName = "gzip" | "zstd";

/** The usual program for a codec, on all processors. */
const compressors: Readonly<
  Record<CodecName, { readonly program: string; readonly words: (level: number) => string }>
> = {
  gzip: { program: "pigz", words: (level) => `-${level} -c` },
  zstd: { program: "zstd", words: (level) => `-${level} -T0 -q -c` },
};

export function tarAndCompress(
  subject: Subject,
  { codec, level, output }: { readonly codec: CodecName; readonly level: number; readonly output: string },
): Contender {
  const { program, words } = compressors[codec];
  const compressor = `${program} ${words(level)}`;
  const script = `out=$1; shift; tar -P -cf - "$@" | ${compressor} > "$out"`;
  const command = shell(script, output, ...subject.directories);
  return { name: `tar | ${compressor}`, needs: program, command };
}

/** A file that is there, compressed and forgotten. */
export function compressFile(
  input: string,
  { codec, level }: { readonly codec: CodecName; readonly level: number },
): Contender {
  const { program, words } = compressors[codec];
  const compressor = `${program} ${words(level)}`;
  return { name: compressor, needs: program, command: shell(`${compressor} < "$1" > /dev/null`, input) };
}
