import type { Readable } from "node:stream";
import { connectionFault } from "./fault.ts";

/** Bytes that can be made from the start any number of times. */
export interface RequestBody {
  /** Undefined where only making them will tell: they are sent in chunks then (RFC 9112, 7.1). */
  readonly length: number | undefined;
  /** Each chunk is valid only until the next is asked for. */
  open(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PATCH" | "PUT";
  readonly url: URL;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  /** Whether the body is a secret: it goes to the request's own origin only. */
  readonly isSecret?: boolean | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Where it came from, after redirects. */
  readonly url: URL;
  /** A header's value by its name in lower case, joined with commas where it is there more than once. */
  header(name: string): string | undefined;
  /** Takes what was shown to anybody out of words that came with it, before they become part of a message. */
  censor(text: string): string;
  /** To be read or destroyed: the connection is taken until then. */
  readonly body: Readable;
}

/** Whether the answer is a success. */
export function isSuccess(response: HttpResponse): boolean {
  return response.status >= 200 && response.status < 300;
}

/** Gives an answer's connection back where nobody wants to know its body. */
export async function discard(response: HttpResponse): Promise<void> {
  response.body.on("error", () => {});
  response.body.resume();
  if (!response.body.closed)
    await new Promise<void>((resolve) => response.body.once("close", () => resolve()));
}

/** A body of bytes that are in memory. */
export function bodyOf(bytes: Uint8Array): RequestBody {
  return { length: bytes.length, open: () => [bytes] };
}

/**
 * Reads a body that is small by nature.
 * @param limit bytes at most; undefined is returned for more
 * @throws PassingFault when it breaks off
 */
export async function readSmall(response: HttpResponse, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      // Leaving the loop destroys the stream.
      if (length > limit) return undefined;
      chunks.push(chunk);
    }
  } catch (error) {
    throw connectionFault(error, response.censor(response.url.host));
  }
  return Buffer.concat(chunks);
}

/** The maker of a request's body failed; `cause` says how. No fault of the connection. */
export class BodyFailure extends Error {
  override readonly name = "BodyFailure";

  constructor(cause: unknown) {
    super("the body of a request could not be made", { cause });
  }
}
