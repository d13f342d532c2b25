import type { Writable } from "node:stream";
import type { Extra, PackOptions } from "@stowage/core";
import { Command, Option } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderPackJson, renderPackText } from "../render/pack.ts";
import type { Speaker } from "../speaker.ts";
import { openStdout } from "../stdout-writer.ts";
import { saveThreadMemory } from "../thread-memory.ts";
import { readLayering, withLayeringOptions, type LayeringWords } from "./layering-words.ts";
import {
  parseDirectory,
  parseFile,
  parseSettings,
  parseWholeNumber,
  parseWords,
  readConfigFile,
} from "./pack-words.ts";
import { attachOption, parseAttachment } from "./attach-words.ts";
import {
  readRegistryAccess,
  stdinWantedTwice,
  withRegistryOptions,
  type RegistryWords,
} from "./registry-words.ts";
import { readTextFile } from "./text-file.ts";
import { readStoreAccess, withStoreOptions, type StoreWords } from "./store-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

const collect = (value: string, previous: readonly string[]): string[] => [...previous, value];

const extras: readonly Extra[] = ["shell", "ca-certificates", "tz", "nix-db"];

function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser(collect).default([], "none");
}

export function packCommand(): Verb {
  const command = new Command("pack")
    .summary("pack the closure of all targets into one image")
    .description(
      "Pack the closure of all targets into one image.\n\n  stowage pack result && docker load -i app.tar\n  stowage pack result -o - | docker load",
    )
    .argument("[target...]", "a result link, a store path, or a path inside one")
    .option("--graph <file>", "an exported closure that answers in place of Nix; - is stdin")
    .option(
      "-o, --output <file>",
      "where the image goes; - is stdout (default: <package name>.tar; with --load or --push none)",
    )
    .addOption(
      new Option(
        "--format <format>",
        "archive, docker-archive, oci-dir (default: archive; to stdout docker-archive)",
      ).choices(["archive", "docker-archive", "oci-dir"]),
    )
    .addOption(
      repeatable(
        "-t, --tag <name[:tag]>",
        "name of the image; may be repeated (default: <package name>:latest)",
      ),
    )
    .option(
      "--entrypoint <words>",
      "program to start: one word or a JSON array (default: bin/<package name>; else the only one in bin/)",
    )
    .option("--cmd <words>", "its arguments: one word or a JSON array (default: none)")
    .addOption(
      repeatable("-e, --env <k=v>", "environment variable; may be repeated (default: PATH=/result/bin)"),
    )
    .addOption(
      repeatable(
        "-p, --expose <port>",
        "port the program listens on: 8080, 53/udp; may be repeated (default: none)",
      ),
    )
    .option("-w, --workdir <path>", "working directory (default: none)")
    .option(
      "-u, --user <user[:group]>",
      "who the program runs as; a new name is 1000:1000 with a home (default: root)",
    )
    .addOption(repeatable("-l, --label <k=v>", "label"))
    .addOption(
      repeatable(
        "--annotation <k=v>",
        "annotation of the manifest; source, revision, version, … are OCI's keys",
      ),
    )
    .addOption(repeatable("--volume <path>", "place for a volume"))
    .option("--stop-signal <signal>", "signal that stops the program")
    .option("--config <file>", "OCI or Docker config as JSON; flags win over it")
    .option("--link <path>", "symlink to the first target", "/result")
    .option("--copy-to-root", "symlink what the targets hold into /, bin/tool as /bin/tool")
    .addOption(repeatable("--dir <path[:mode[:user]]>", "a directory of your own"))
    .addOption(repeatable("--add <file:path[:mode]>", "a file of your own"))
    .addOption(
      repeatable(
        "--include <path>",
        "a further store path that comes along with all it needs; may be repeated",
      ),
    )
    .addOption(
      repeatable(
        "--with <what>",
        "add shell, ca-certificates, tz or nix-db; from the closure or the store; nix-db is a Nix database of the closure (default: none)",
      )
        .choices(extras)
        .argParser(collectExtra),
    )
    .option("--bare", "nothing but the store paths and the link")
    .addOption(
      repeatable("--load <engine>", "load into docker, podman or containerd; no file in between")
        .choices(["docker", "podman", "containerd"])
        .argParser(collectEngine),
    )
    .option(
      "--base <image>",
      "image to put the closure on: an archive, a layout directory, or in a registry (default: none)",
    )
    .option("--compression <codec>", "none, gzip or zstd; with a level: zstd:9", "none")
    .option("--spool", "compressed to a stream: hold one layer at a time in TMPDIR")
    .option("--platform <os/arch>", "platform (default: the entrypoint's)")
    .option("--created <time>", "RFC 3339, source-date-epoch or now (default: 1970-01-01T00:00:01Z)")
    .option("--check", "recompute the NAR hash of each path from the bytes that are packed (default)")
    .option("--no-check", "pack paths as they are")
    .option("--no-sync", "do not wait until the disk has the file: after a power cut it may be broken")
    .addOption(repeatable("--push <ref>", "push to a registry; no file in between; may be repeated"))
    .addOption(attachOption())
    .option("--jobs <n>", "threads (default: one for each processor)")
    .option("--dry-run", "decide everything, write nothing")
    .option("--json", "print what was made as JSON");
  withRegistryOptions(command);
  withStoreOptions(command);
  withLayeringOptions(command);
  return { command, action: (speaker, parsed) => runPack(speaker, parsed.args, parsed.opts<PackWords>()) };
}

function collectExtra(value: string, previous: readonly string[]): string[] {
  if (!extras.some((extra) => extra === value))
    throw new UsageError(`--with: '${value}' is not something to add`, `Take ${extras.join(", ")}.`);
  return collect(value, previous);
}

function collectEngine(value: string, previous: readonly string[]): string[] {
  if (["docker", "podman", "containerd"].includes(value)) return collect(value, previous);
  throw new UsageError(`--load: '${value}' is no engine`, "Take docker, podman or containerd.");
}

/** The words of the command line, as commander hands them over. */
interface PackWords extends LayeringWords, RegistryWords, StoreWords {
  readonly graph?: string;
  readonly output?: string;
  readonly format?: NonNullable<PackOptions["format"]>;
  readonly tag: readonly string[];
  readonly entrypoint?: string;
  readonly cmd?: string;
  readonly env: readonly string[];
  readonly expose: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly label: readonly string[];
  readonly annotation: readonly string[];
  readonly volume: readonly string[];
  readonly stopSignal?: string;
  readonly config?: string;
  readonly link: string;
  readonly copyToRoot?: boolean;
  readonly include: readonly string[];
  readonly dir: readonly string[];
  readonly add: readonly string[];
  readonly with: readonly Extra[];
  readonly bare?: boolean;
  readonly load: readonly NonNullable<PackOptions["load"]>[number][];
  readonly base?: string;
  readonly compression: string;
  readonly spool?: boolean;
  readonly platform?: string;
  readonly created?: string;
  readonly check?: boolean;
  readonly sync: boolean;
  readonly push: readonly string[];
  readonly attach: readonly string[];
  readonly jobs?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

async function runPack(speaker: Speaker, targets: readonly string[], words: PackWords): Promise<number> {
  const toStdout = words.output === "-" && !words.dryRun;
  if (words.output === "-" && words.json)
    throw new UsageError("-o - and --json both want stdout", "Give a file with -o.");
  if (toStdout && process.stdout.isTTY) {
    throw new UsageError(
      "an image does not go to a terminal",
      "Pipe it, as in: stowage pack result -o - | docker load",
    );
  }
  if (words.graph === "-" && words.passwordStdin === true) throw stdinWantedTwice();
  using stdout = toStdout ? openStdout() : undefined;
  const registry = await readRegistryAccess(words, speaker);
  const graph = await readGraph(targets, words, speaker.signal);
  const stores = readStoreAccess(words, speaker);
  // A dry run is refused what the pack would be, and writes nothing.
  const stream = words.output === "-" ? (stdout?.stream ?? process.stdout) : undefined;
  const options = { ...readOptions(targets, words, stream), ...stores, graph, registry };
  saveThreadMemory(options.jobs);
  const { pack } = await import("@stowage/core");
  using progress = speaker.startProgress();
  const result = await pack({
    ...options,
    signal: speaker.signal,
    onProgress: progress && ((event) => progress.update(event)),
    onNotice: (notice) => {
      if (speaker.options.verbose > 0) speaker.tell(`stowage: ${notice}`);
    },
    onWarning: (warning) => {
      speaker.warn(warning);
    },
  });
  if (words.json) await speaker.print(renderPackJson(result));
  else speaker.tell(renderPackText(result));
  return exitCodes.done;
}

async function readGraph(
  targets: readonly string[],
  { graph }: PackWords,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (graph !== undefined) return readTextFile("--graph", graph, signal);
  if (targets.length > 0) return undefined;
  throw new UsageError(
    "no target given",
    "Name a result link or a store path, or an exported closure with --graph.",
  );
}

function readOptions(
  targets: readonly string[],
  words: PackWords,
  stdout: Writable | undefined,
): PackOptions {
  return {
    targets,
    output: stdout ?? words.output,
    format: words.format,
    tags: words.tag,
    entrypoint: words.entrypoint === undefined ? undefined : parseWords("--entrypoint", words.entrypoint),
    cmd: words.cmd === undefined ? undefined : parseWords("--cmd", words.cmd),
    env: parseSettings("--env", words.env),
    expose: words.expose,
    workdir: words.workdir,
    user: words.user,
    labels: parseSettings("--label", words.label),
    annotations: parseSettings("--annotation", words.annotation),
    volumes: words.volume,
    stopSignal: words.stopSignal,
    config: words.config === undefined ? undefined : readConfigFile(words.config),
    link: words.link,
    copyToRoot: words.copyToRoot,
    include: words.include,
    directories: words.dir.map(parseDirectory),
    files: words.add.map(parseFile),
    with: words.with,
    bare: words.bare,
    ...readLayering(words),
    load: words.load,
    base: words.base,
    compression: words.compression,
    spool: words.spool,
    platform: words.platform,
    created: words.created,
    check: words.check,
    sync: words.sync,
    push: words.push,
    attach: words.attach.map(parseAttachment),
    jobs: words.jobs === undefined ? undefined : parseWholeNumber("--jobs", words.jobs),
    dryRun: words.dryRun,
  };
}
