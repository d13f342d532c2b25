import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { DigestHash, type Repository } from "@stowage/oci";
import { attachReferrer, type Referrer } from "@stowage/oci/internal";
import { CoreError } from "../errors.ts";

/** A file that is attached to an image. */
export interface Attachment {
  /** A media type that says what it is: `application/spdx+json`. */
  readonly type: string;
  readonly file: string;
}

/** A file that was attached: an artifact that refers to the image. */
export interface AttachedFile extends Attachment {
  readonly repository: string;
  readonly manifestDigest: string;
}

/** A media type without parameters (RFC 6838, 4.2). */
const TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/**
 * Attaches files to what is in a repository.
 * @throws CoreError `option-invalid`, `file-unreadable`; OciError `registry-…`
 */
export async function attachFiles(
  attachments: readonly Attachment[],
  to: {
    readonly repository: Repository;
    readonly subject: Parameters<typeof attachReferrer>[1];
    readonly signal: AbortSignal | undefined;
  },
): Promise<AttachedFile[]> {
  const { repository, subject, signal } = to;
  const attached: AttachedFile[] = [];
  for (const attachment of attachments) {
    const referrer = await describeFile(attachment, signal);
    const manifestDigest = await attachReferrer(repository, subject, referrer, signal);
    const place = `${repository.registry.domain}/${repository.name}`;
    attached.push({ ...attachment, repository: place, manifestDigest });
  }
  return attached;
}

/**
 * Looks at files before anything is pushed.
 * @throws CoreError `option-invalid`, `file-unreadable`
 */
export async function checkAttachments(
  attachments: readonly Attachment[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const attachment of attachments) await describeFile(attachment, signal);
}

/** Hashed first: its digest names it. */
async function describeFile({ type, file }: Attachment, signal: AbortSignal | undefined): Promise<Referrer> {
  if (!TYPE.test(type)) {
    throw new CoreError("option-invalid", `'${type}' is not a media type`, {
      hint: "Say what the file is, as in application/spdx+json=sbom.json.",
    });
  }
  const read = (): AsyncIterable<Uint8Array> => createReadStream(file, { signal });
  try {
    if (!(await stat(file)).isFile())
      throw new CoreError("option-invalid", `'${file}' is not a file`, { path: file });
    const hash = new DigestHash();
    let size = 0;
    for await (const chunk of read()) {
      hash.update(chunk);
      size += chunk.length;
    }
    const content = { digest: hash.digest(), size, what: `'${file}'`, chunks: read };
    return { artifactType: type, title: basename(file), content };
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof CoreError) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    throw new CoreError("file-unreadable", `cannot read '${file}': ${code}`, { path: file, cause });
  }
}
