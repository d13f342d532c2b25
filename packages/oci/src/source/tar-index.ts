import type { FileHandle } from "node:fs/promises";
import { OciError, type TarFaultCode } from "../errors.ts";
import { HeaderDecoder, type TarEntry } from "../layer/header-decoder.ts";
import { BLOCK, paddingOf } from "../layer/tar-header.ts";
import { readExtent, type ReadingOf } from "./file-blob.ts";

/** A member of a seekable tar. */
export interface Member extends Pick<TarEntry, "type" | "size"> {
  /** As text; a leading `./` and slashes at the end are left out. */
  readonly name: string;
  /** Target of a symlink or hard link. */
  readonly linkName: string;
  /** Where its contents begin, in bytes. */
  readonly offset: number;
}

/** What a tar holds, and what ended its reading early. */
export interface TarIndex {
  readonly members: readonly Member[];
  readonly fault: OciError | undefined;
}

/** No image has that many layers and documents; each costs a read. */
export const MAX_MEMBERS: number = 100_000;
/** As for a layer: the largest record in use. */
export const MAX_PADDING: number = 1024 * 1024;

/**
 * Lists the members of a tar by its headers alone: contents are passed over, however large they are.
 * @throws OciError `image-unreadable`
 */
export async function indexTar(handle: FileHandle, size: number, options: ReadingOf): Promise<TarIndex> {
  const members: Member[] = [];
  try {
    await readMembers(new Blocks(handle, size, options), members);
    return { members, fault: undefined };
  } catch (error) {
    if (!(error instanceof OciError) || !error.code.startsWith("tar-")) throw error;
    return { members, fault: error };
  }
}

async function readMembers(blocks: Blocks, members: Member[]): Promise<void> {
  const decoder = new HeaderDecoder();
  for (;;) {
    if (blocks.left === 0) throw blocks.fault("tar-end", "it does not end as a tar does: is it cut off?");
    const step = await blocks.decode(decoder);
    if (step.type === "empty") {
      await readEnd(blocks);
      return;
    }
    if (step.type === "extension") {
      await blocks.extend(decoder, step.size);
      continue;
    }
    const { entry } = step;
    const member = toMember(entry, blocks.position);
    blocks.skip(entry.size + paddingOf(entry.size));
    if (members.push(member) > MAX_MEMBERS)
      throw blocks.fault("tar-too-large", `it has more than ${MAX_MEMBERS} members`);
  }
}

/** A second empty block, and nothing but zeros behind it. */
async function readEnd(blocks: Blocks): Promise<void> {
  if (blocks.left < BLOCK) throw blocks.fault("tar-end", "it does not end with two empty blocks");
  if (blocks.left > MAX_PADDING + BLOCK)
    throw blocks.fault("tar-trailing-data", `${blocks.left} bytes stand behind its end`);
  const rest = await blocks.read(blocks.left);
  if (rest.subarray(0, BLOCK).some((byte) => byte !== 0))
    throw blocks.fault("tar-end", "an empty block stands between members");
  if (rest.some((byte) => byte !== 0))
    throw blocks.fault("tar-trailing-data", "something stands behind its end");
}

/** @param offset where its contents begin */
export function toMember({ type, size, name, linkName }: TarEntry, offset: number): Member {
  const plain = name.toString().replace(/^(?:\.\/+)+(?=.)/, "");
  return { type, size, name: plain.replace(/(?<=.)\/+$/, ""), linkName: linkName.toString(), offset };
}

/** A tar's blocks, one after another. */
class Blocks {
  position = 0;
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly #options: ReadingOf;

  constructor(handle: FileHandle, size: number, options: ReadingOf) {
    this.#handle = handle;
    this.#size = size;
    this.#options = options;
  }

  get left(): number {
    return this.#size - this.position;
  }

  async decode(decoder: HeaderDecoder): Promise<ReturnType<HeaderDecoder["decode"]>> {
    const at = this.position;
    const block = await this.read(BLOCK);
    return this.#guard(at, () => decoder.decode(block));
  }

  async extend(decoder: HeaderDecoder, size: number): Promise<void> {
    const at = this.position;
    const body = await this.read(size);
    this.skip(paddingOf(size));
    this.#guard(at, () => decoder.extend(body));
  }

  async read(length: number): Promise<Buffer> {
    if (length > this.left) throw this.fault("tar-truncated", "it is cut off");
    const bytes = Buffer.allocUnsafe(length);
    let have = 0;
    for await (const chunk of readExtent(
      this.#handle,
      { offset: this.position, size: length },
      this.#options,
    )) {
      bytes.set(chunk, have);
      have += chunk.length;
    }
    this.position += length;
    return bytes;
  }

  skip(length: number): void {
    if (length > this.left) throw this.fault("tar-truncated", "it is cut off in the middle of a member");
    this.position += length;
  }

  fault(code: TarFaultCode, message: string): OciError {
    return new OciError(code, `${message} (at byte ${this.position})`);
  }

  #guard<T>(at: number, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      throw new OciError(error.code, `${error.message} (at byte ${at})`, { path: error.path });
    }
  }
}
