import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { posix } from "node:path";
import { OciError } from "../errors.ts";
import { FindingList, type ImageFindingCode } from "../finding.ts";
import { hexOf } from "../spec/digest.ts";
import { readExtent, withReadErrors, type ReadingOf } from "./file-blob.ts";
import type { ImageSource, StoredBlob } from "./image-source.ts";
import { indexTar, type Member } from "./tar-index.ts";
import { unpackArchive, type SizedFile } from "./unpack-archive.ts";

/** `docker save` before version 25 writes a layer that is there already as a symlink to it. */
const MAX_LINKS = 8;

/**
 * Opens an archive: OCI layout, docker-archive or both in one tar, which may be compressed as a whole. Its headers are
 * read, and any member can then be read at its place, as often as wanted. An own reader rather than one for streams: that would read the whole archive
 * for each document, and tar-stream ends without a word where a header promises contents that never come.
 * @throws OciError `image-missing`, `image-unreadable`; `image-corrupted` when it is no tar at all; what {@link unpackArchive} throws
 */
export async function openArchive(path: string, signal: AbortSignal | undefined): Promise<ImageSource> {
  // A FIFO must not block before it is refused.
  const handle = await withReadErrors(path, () => open(path, constants.O_RDONLY | constants.O_NONBLOCK));
  let archive = { handle, size: 0 };
  try {
    const stats = await withReadErrors(path, () => handle.stat());
    if (!stats.isFile())
      throw noArchive(path, "it is no regular file (what comes through a pipe: stowage verify - < FILE)");
    archive = await unpacked({ handle, size: stats.size }, { shown: path, signal });
    return await readArchive(archive, { shown: path, signal });
  } catch (error) {
    await archive.handle.close();
    throw error;
  }
}

async function unpacked(file: SizedFile, reading: ReadingOf): Promise<SizedFile> {
  try {
    return await unpackArchive(file, reading);
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== "image-corrupted") throw error;
    throw noArchive(reading.shown, error.message, error);
  }
}

async function readArchive({ handle, size }: SizedFile, reading: ReadingOf): Promise<ImageSource> {
  const { members, fault } = await indexTar(handle, size, reading);
  const { shown } = reading;
  return sourceOf(shown, {
    members,
    fault,
    toBlob: ({ name, offset, size }) => ({
      name,
      size,
      chunks: (signal) => readExtent(handle, { offset, size }, { shown, signal }),
    }),
    close: () => handle.close(),
  });
}

/** What an archive turned out to have in it. */
export interface ArchiveMembers {
  readonly members: readonly Member[];
  /** What ended its reading early. */
  readonly fault: OciError | undefined;
  readonly toBlob: (member: Member) => StoredBlob;
  readonly close: () => Promise<void>;
}

/**
 * The source that an archive's members are.
 * @throws OciError `image-corrupted` when there is none
 */
export function sourceOf(path: string, { members, fault, toBlob, close }: ArchiveMembers): ImageSource {
  if (members.length === 0) throw noArchive(path, fault?.message ?? "it is an empty archive", fault);
  const findings = new FindingList();
  if (fault !== undefined)
    findings.add(fault.code as ImageFindingCode, `the archive is damaged: ${fault.message}`);
  const byName = checkMembers(members, findings);
  const member = async (name: string): Promise<StoredBlob | undefined> => {
    const found = follow(byName, name);
    return found && toBlob(found);
  };
  return {
    place: path,
    form: "archive",
    irregularities: findings.all(),
    member,
    blob: ({ digest }) => member(`blobs/sha256/${hexOf(digest)}`),
    list: async () => [...byName.values()].filter(({ type }) => type === "file").map(toBlob),
    [Symbol.asyncDispose]: close,
  };
}

/** Members by name; of two with one name the first counts. */
function checkMembers(members: readonly Member[], findings: FindingList): ReadonlyMap<string, Member> {
  const byName = new Map<string, Member>();
  for (const member of members) {
    const { name, type, linkName } = member;
    if (posix.isAbsolute(name) || name.split("/").includes(".."))
      findings.add("member-invalid", "its name leads out of the archive", { member: name });
    else if (type === "symlink" && leadsOut(name, linkName))
      findings.add("member-invalid", `it is a link out of the archive, to '${linkName}'`, { member: name });
    else if (type !== "file" && type !== "directory" && type !== "symlink" && type !== "hardlink")
      findings.add("member-invalid", `it is a ${type}`, { member: name });
    if (!byName.has(name)) byName.set(name, member);
    else if (type !== "directory")
      findings.add("member-duplicate", "the archive has it twice", { member: name });
  }
  return byName;
}

function leadsOut(name: string, target: string): boolean {
  const end = posix.normalize(posix.join(posix.dirname(name), target));
  return posix.isAbsolute(target) || end === ".." || end.startsWith("../");
}

/** The file behind a name; links are followed inside the archive only. */
function follow(members: ReadonlyMap<string, Member>, name: string): Member | undefined {
  let member = members.get(name);
  for (let links = 0; member !== undefined && links < MAX_LINKS; links++) {
    if (member.type === "file") return member;
    if (member.type === "hardlink") member = members.get(posix.normalize(member.linkName));
    else if (member.type === "symlink" && !leadsOut(member.name, member.linkName))
      member = members.get(posix.normalize(posix.join(posix.dirname(member.name), member.linkName)));
    else return undefined;
  }
  return undefined;
}

function noArchive(path: string, reason: string, cause?: unknown): OciError {
  return new OciError("image-corrupted", `'${path}' is not an image that can be read: ${reason}`, {
    path,
    cause,
    hint: "Give an image archive (a file may be compressed as a whole by gzip or zstd; through a pipe: gzip -dc FILE | stowage verify -) or a layout directory.",
  });
}
