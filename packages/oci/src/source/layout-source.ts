import { constants, type Stats } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { OciError } from "../errors.ts";
import { FindingList } from "../finding.ts";
import { hexOf } from "../spec/digest.ts";
import { readExtent, withReadErrors } from "./file-blob.ts";
import type { ImageSource, StoredBlob } from "./image-source.ts";

/**
 * Opens an OCI image layout directory (OCI image spec, image-layout.md). Nothing in it is followed out of it: a symlink
 * in place of a document, a blob or a folder counts as not there, and neither does anything else that is no plain file.
 * @throws OciError `image-unreadable`; `image-corrupted` when it is no layout
 */
export async function openLayout(folder: string): Promise<ImageSource> {
  const findings = new FindingList();
  const blobs = new Map<string, StoredBlob>();
  for (const name of ["oci-layout", "index.json", "manifest.json"]) {
    const found = await inspect(folder, name, findings);
    if (found !== undefined) blobs.set(name, found);
  }
  if (!blobs.has("oci-layout") && !blobs.has("index.json") && findings.all().length === 0) {
    throw new OciError(
      "image-corrupted",
      `'${folder}' is not an image that can be read: it is no image layout`,
      {
        path: folder,
        hint: "Give the folder that index.json and oci-layout lie in, or an image archive.",
      },
    );
  }
  for (const name of await listBlobs(folder, findings)) {
    const found = await inspect(folder, name, findings);
    if (found !== undefined) blobs.set(name, found);
  }
  return {
    place: folder,
    form: "oci-dir",
    irregularities: findings.all(),
    member: async (name) => blobs.get(name),
    blob: async ({ digest }) => blobs.get(`blobs/sha256/${hexOf(digest)}`),
    list: async () => [...blobs.values()],
    [Symbol.asyncDispose]: async () => {},
  };
}

/** What is in the folders of blobs, as `blobs/ALGORITHM/NAME`. */
async function listBlobs(folder: string, findings: FindingList): Promise<string[]> {
  const names: string[] = [];
  for (const algorithm of await listFolder(folder, "blobs", findings)) {
    for (const name of await listFolder(folder, `blobs/${algorithm}`, findings))
      names.push(`blobs/${algorithm}/${name}`);
  }
  return names;
}

async function listFolder(folder: string, name: string, findings: FindingList): Promise<string[]> {
  const path = join(folder, name);
  const stats = await statOrNothing(folder, path);
  if (stats === undefined) return [];
  if (stats.isDirectory()) return withReadErrors(folder, () => readdir(path));
  findings.add("member-invalid", `it is ${kindOf(stats)}, not a folder`, { member: name });
  return [];
}

async function inspect(folder: string, name: string, findings: FindingList): Promise<StoredBlob | undefined> {
  const path = join(folder, name);
  const stats = await statOrNothing(folder, path);
  if (stats === undefined) return undefined;
  if (!stats.isFile()) {
    findings.add("member-invalid", `it is ${kindOf(stats)}, not a file, and is not followed`, {
      member: name,
    });
    return undefined;
  }
  return { name, size: stats.size, chunks: (signal) => readFile(path, stats, signal) };
}

/** Opened without following a link and without waiting, whatever has come to lie there since. */
async function* readFile(
  path: string,
  { size }: Stats,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await withReadErrors(path, () => open(path, flags));
  try {
    yield* readExtent(handle, { offset: 0, size }, { shown: path, signal });
  } finally {
    await handle.close();
  }
}

async function statOrNothing(folder: string, path: string): Promise<Stats | undefined> {
  return withReadErrors(folder, () =>
    lstat(path).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }),
  );
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return "a symlink";
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a FIFO";
  return stats.isFile() ? "a file" : "a device or a socket";
}
