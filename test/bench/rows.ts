import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cacheRow } from "./cache-row.ts";
import { shell, type Contender, type LateRow, type Row } from "./contender.ts";
import {
  compressFile,
  copyTree,
  hashLimit,
  tarAndCompress,
  tarToFile,
  tarToFlushedFile,
  tarToPipe,
  twoPassesToFile,
  twoPassesToPipe,
  type CodecName,
} from "./peers.ts";
import { coldPack, forget, packWords, stowageCommand, type Bench } from "./stowage-command.ts";
import type { Subject } from "./subject.ts";

/** The levels that are the default of stowage and of the programs it is compared with. */
const levels: Readonly<Record<CodecName, number>> = { gzip: 6, zstd: 3 };
const codecs = ["gzip", "zstd"] as const;

/** Packing one closure, against others that do as much or less. */
export function packingRows(bench: Bench, subject: Subject): (Row | LateRow)[] {
  return [
    fileRow(bench, subject),
    digestsRow(bench, subject),
    pipeRow(bench, subject),
    warmRow(bench, subject),
    ...codecs.map((codec) => compressedRow(bench, subject, codec)),
    ...codecs.map((codec) => compressionRow(bench, subject, codec)),
    ...jobsRows(bench, subject),
    cacheRow(bench, subject),
  ];
}

/** From the store to the archive that everything loads, against what makes one file, or a copy, of the same paths. */
function fileRow(bench: Bench, subject: Subject): Row {
  const output = join(bench.folder, "image.tar");
  const copy = join(bench.folder, "copy");
  const peers = [
    tarToFile(subject, output),
    tarToFlushedFile(subject, output),
    copyTree(subject, copy),
    twoPassesToFile(subject, output),
  ];
  return {
    question: "cold pack to a file",
    contenders: [
      coldPack(bench, subject, { name: "stowage", output, words: [] }),
      ...[["--no-check"], ["--no-sync"], ["--no-sync", "--no-check"]].map((words) =>
        variant(coldPack(bench, subject, { name: ["stowage", ...words].join(" "), output, words })),
      ),
      ...peers.map((peer) => afterForgetting(peer, output, copy)),
    ],
  };
}

/** Every layer's digest, with nothing written, against a limit that no program can be faster than. */
export function digestsRow(bench: Bench, subject: Subject): Row {
  const digests = (...words: string[]): Contender => ({
    name: ["stowage plan --digests", ...words].join(" "),
    command: [...stowageCommand, "plan", ...subject.words, "--digests", ...words],
    before: () => forget(bench.cache),
  });
  return {
    question: "cold digests only",
    contenders: [digests(), variant(digests("--no-check")), hashLimit(subject, bench.folder)],
  };
}

function pipeRow(bench: Bench, subject: Subject): Row {
  const stream = (...words: string[]): Contender => ({
    name: ["stowage -o -", ...words, "| cat"].join(" "),
    command: shell('"$@" | cat > /dev/null', ...packWords(subject, "-o", "-", ...words)),
    before: () => forget(bench.cache),
  });
  return {
    question: "cold pack to a pipe",
    contenders: [stream(), variant(stream("--no-check")), tarToPipe(subject), twoPassesToPipe(subject)],
  };
}

/** What the command takes before it does anything. */
export function startRow(roundsFactor: number): Row {
  return {
    question: "start",
    roundsFactor,
    contenders: [
      { name: "stowage --version", command: [...stowageCommand, "--version"] },
      { name: "stowage ls --help", command: [...stowageCommand, "ls", "--help"] },
      { name: "node -e 0", command: [process.execPath, "-e", "0"] },
    ],
  };
}

/** A closure that was packed before, to where it was packed to. */
function warmRow(bench: Bench, subject: Subject): Row {
  const archive = join(bench.folder, "image.tar");
  const layout = join(bench.folder, "layout");
  const known = (name: string, words: readonly string[]): Contender => {
    const command = packWords(subject, ...words);
    return { name, command, before: () => run(command) };
  };
  return {
    question: "warm: packed before, nothing changed",
    contenders: [
      known("stowage, layout again", ["--format", "oci-dir", "-o", layout]),
      known("stowage, file again", ["-o", archive]),
    ],
  };
}

/** A closure of which one small path and the root changed since it was packed. */
export function changeRow(bench: Bench, before: Subject, after: Subject): Row {
  const layout = join(bench.folder, "layout");
  const words = ["--format", "oci-dir", "-o", layout];
  return {
    question: "one small path changed, to a layout that has the others",
    contenders: [
      {
        name: "stowage",
        command: packWords(after, ...words),
        before() {
          forget(bench.cache, layout);
          run(packWords(before, ...words));
        },
      },
      {
        name: "stowage, nothing packed before",
        command: packWords(after, ...words),
        before: () => forget(bench.cache, layout),
      },
    ],
  };
}

/** From the store to a compressed image, and from the store to one compressed tar. */
function compressedRow(bench: Bench, subject: Subject, codec: CodecName): Row {
  const output = join(bench.folder, "image.tar");
  const level = levels[codec];
  const words = ["--compression", `${codec}:${level}`];
  return {
    question: `cold pack to a file with ${codec}`,
    contenders: [
      coldPack(bench, subject, { name: "stowage", output, words }),
      variant(
        coldPack(bench, subject, { name: "stowage --no-check", output, words: [...words, "--no-check"] }),
      ),
      afterForgetting(tarAndCompress(subject, { codec, level, output }), output),
    ],
  };
}

/** Compression alone: one tar that is there, compressed and forgotten. */
function compressionRow(bench: Bench, subject: Subject, codec: CodecName): Row {
  const input = join(bench.folder, "plain.tar");
  const level = levels[codec];
  const program = join(import.meta.dirname, "compress-layer.ts");
  return {
    question: `${codec} alone, of one tar`,
    contenders: [
      {
        name: "a layer in @stowage/oci, hashed twice",
        command: [process.execPath, program, `${codec}:${level}`, input],
        before: () => run(["tar", "-P", "-cf", input, ...subject.directories]),
      },
      compressFile(input, { codec, level }),
    ],
  };
}

/** What more threads bring: each row against one. */
function jobsRows(bench: Bench, subject: Subject): Row[] {
  const output = join(bench.folder, "image.tar");
  const jobs = Array.from({ length: availableParallelism() }, (_, index) => String(index + 1));
  return ["none", ...codecs].map((compression) => ({
    question: `jobs, --compression ${compression}`,
    contenders: jobs.map((count) => {
      const words = ["--compression", compression, "--jobs", count];
      const contender = coldPack(bench, subject, { name: `stowage --jobs ${count}`, output, words });
      return count === "1" ? contender : variant(contender);
    }),
  }));
}

/** How much memory a large closure takes, whatever way it goes. */
export function memoryRow(bench: Bench, subject: Subject): Row {
  const output = join(bench.folder, "image.tar");
  const layout = join(bench.folder, "layout");
  return {
    question: "memory",
    contenders: [
      coldPack(bench, subject, { name: "stowage", output, words: [] }),
      ...[
        coldPack(bench, subject, {
          name: "stowage, layout",
          output: layout,
          words: ["--format", "oci-dir"],
        }),
        coldPack(bench, subject, { name: "stowage, zstd", output, words: ["--compression", "zstd"] }),
        coldPack(bench, subject, { name: "stowage, gzip:1", output, words: ["--compression", "gzip:1"] }),
        {
          name: "stowage -o -",
          command: shell('"$@" | cat > /dev/null', ...packWords(subject, "-o", "-")),
          before: () => forget(bench.cache, layout),
        },
      ].map(variant),
    ],
  };
}

function variant(contender: Contender): Contender {
  return { ...contender, isVariant: true };
}

function afterForgetting(contender: Contender, ...places: readonly string[]): Contender {
  return {
    ...contender,
    before() {
      forget(...places);
      contender.before?.();
    },
  };
}

function run(words: readonly string[]): void {
  const [program = "", ...rest] = words;
  execFileSync(program, rest, { stdio: ["ignore", "ignore", "inherit"] });
}
