import { OciError } from "../errors.ts";
import { connectionFault, PassingFault } from "./http/fault.ts";
import { isSuccess, type HttpResponse } from "./http/message.ts";
import { refusal } from "./http/refusal.ts";
import { Patience } from "./http/retry.ts";
import type { Repository } from "./repository.ts";
import type { WantedBlob } from "./wanted-blob.ts";

/**
 * Reads a blob from front to back, exactly as many bytes as it should have; whoever takes them compares the digest. A download
 * that breaks goes on where it was (RFC 9110, 14), or from the start with a registry that knows no ranges, the bytes that
 * were read already passed over.
 * @throws OciError `registry-missing`; `registry-failed` when it has other bytes than its size says
 */
export async function* readBlob(
  repository: Repository,
  blob: WantedBlob,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const patience = new Patience(repository.retries(signal));
  let position = 0;
  do {
    try {
      for await (const chunk of readFrom(repository, { ...blob, position }, signal)) {
        position += chunk.length;
        patience.progressed();
        yield chunk;
      }
    } catch (fault) {
      await patience.after(fault);
    }
  } while (position < blob.size);
}

/** One answer's bytes from a position on. */
async function* readFrom(
  repository: Repository,
  { digest, size, position }: WantedBlob & { readonly position: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const what = `the blob ${digest} in ${repository.name}`;
  const { registry } = repository;
  const wrong = (has: number | string): OciError =>
    new OciError("registry-failed", `${registry.domain}: ${what} has ${has} bytes, not ${size}`, {
      path: registry.domain,
    });
  const headers: Record<string, string> = position === 0 ? {} : { range: `bytes=${position}-` };
  const request = { method: "GET", target: repository.path(`blobs/${digest}`), what, headers } as const;
  const response = await registry.attempt(request, repository.purpose(), signal);
  if (!isSuccess(response)) throw await refusal(response, what);
  const start = startOf(response, position);
  if (start === undefined) {
    response.body.on("error", () => {}).destroy();
    throw new OciError("registry-failed", `${registry.domain}: it answers with another part of ${what}`, {
      path: registry.domain,
    });
  }
  // A reader that has enough breaks the answer off.
  response.body.on("error", () => {});
  const length = response.header("content-length");
  let at = start;
  if (length !== undefined && start + Number(length) !== size) {
    response.body.destroy();
    throw wrong(start + Number(length));
  }
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      const from = at;
      at += chunk.length;
      if (at > size) throw wrong("more");
      if (at > position) yield chunk.subarray(Math.max(0, position - from));
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof OciError ? error : connectionFault(error, response.censor(response.url.host));
  }
  // Without a length nobody else notices that an answer was cut off.
  if (at < size) throw new PassingFault(wrong(at));
}

/** Where an answer's bytes begin; undefined for a place after the one that was asked for. */
function startOf(response: HttpResponse, position: number): number | undefined {
  if (response.status !== 206) return 0;
  const start = /^bytes (\d{1,15})-/.exec(response.header("content-range") ?? "")?.[1];
  const begins = start === undefined ? position : Number(start);
  return begins > position ? undefined : begins;
}
