import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { inTwoLanes } from "./campaign.ts";
import { nixEnvironment } from "./nix-environment.ts";
import { fingerprint } from "./read-layout.ts";
import { removeFolder } from "./temporary-folder.ts";

/** What a pack may not depend on. */
export interface Surroundings {
  /** What stands before the command. */
  readonly before?: readonly string[];
  /** The words that start the command. */
  readonly command?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** More words of the pack. */
  readonly options?: readonly string[];
  /** Where it runs, below a new folder. */
  readonly place?: string;
  /** What an earlier pack remembers; default nothing, in a folder of its own for each form. */
  readonly cache?: string;
}

/** A form of an image: how it is asked for, and whether its bytes come from a codec, which a Node brings along. */
interface Form {
  readonly words: readonly string[];
  readonly isStream?: boolean;
  readonly isCompressed?: boolean;
}

export const forms: Readonly<Record<string, Form>> = {
  archive: { words: [] },
  "docker-archive": { words: ["--format", "docker-archive"] },
  stream: { words: [], isStream: true },
  "oci-dir": { words: ["--format", "oci-dir"] },
  "archive, gzip": { words: ["--compression", "gzip"], isCompressed: true },
  "archive, zstd": { words: ["--compression", "zstd"], isCompressed: true },
  "oci-dir, gzip": { words: ["--format", "oci-dir", "--compression", "gzip"], isCompressed: true },
};

/** What a pack wrote, and what it said of it. */
export interface Packed {
  /** Digests of the files, by name. */
  readonly files: ReturnType<typeof fingerprint>;
  readonly warnings: readonly string[];
  readonly said: { readonly imageId: string; readonly diffIds: readonly string[] } | undefined;
}

export interface Packing {
  /** Below it each pack gets a folder of its own. */
  readonly folder: string;
  /** `pack`, targets, options, but for the output. */
  readonly words: readonly string[];
  readonly surroundings: Surroundings & { readonly command: readonly string[] };
}

/** Packs in several forms, by default in all. */
export async function packForms(
  packing: Packing,
  names: readonly string[] = Object.keys(forms),
): Promise<Readonly<Record<string, Packed>>> {
  const results = new Map<string, Packed>();
  await inTwoLanes(names, async (name) => {
    results.set(name, await packForm(packing, forms[name] as Form));
  });
  return Object.fromEntries(names.map((name) => [name, results.get(name) as Packed]));
}

async function packForm({ folder, words, surroundings }: Packing, form: Form): Promise<Packed> {
  const { before = [], command, env, options = [], place = "work", cache } = surroundings;
  const own = mkdtempSync(join(folder, "form-"));
  const cwd = join(own, place);
  mkdirSync(cwd, { recursive: true });
  // Other users pack too.
  for (const open of [own, cwd]) chmodSync(open, 0o777);
  const output = form.isStream ? ["-o", "-"] : ["-o", "output", "--json"];
  const [program = "", ...rest] = [...before, ...command, ...words, ...form.words, ...options, ...output];
  const { stdout, stderr } = await execa(program, rest, {
    cwd,
    env: { ...nixEnvironment, XDG_CACHE_HOME: cache ?? join(own, "cache"), ...env },
    encoding: "buffer",
    maxBuffer: 2 ** 30,
  });
  if (form.isStream) writeFileSync(join(cwd, "output"), stdout);
  const files = fingerprint(join(cwd, "output"));
  removeFolder(own);
  const warnings = Buffer.from(stderr)
    .toString()
    .split("\n")
    .filter((line) => line.includes("warning"));
  return { files, warnings, said: form.isStream ? undefined : readSaid(Buffer.from(stdout).toString()) };
}

function readSaid(text: string): { imageId: string; diffIds: string[] } {
  const { imageId, layers } = JSON.parse(text) as { imageId: string; layers: { diffId: string }[] };
  return { imageId, diffIds: layers.map(({ diffId }) => diffId) };
}
