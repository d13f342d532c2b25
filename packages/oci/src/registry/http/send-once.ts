import { OciError } from "../../errors.ts";
import { connectionFault, isUnanswered, PassingFault } from "./fault.ts";
import type { HttpClient } from "./http-client.ts";
import { BodyFailure, type HttpRequest, type HttpResponse } from "./message.ts";
import { refusal } from "./refusal.ts";
import { parseRetryAfter } from "./retry.ts";

/**
 * One request. Answers that say "later" and failed connections are thrown as {@link PassingFault}s, every other
 * answer is returned.
 * @param what what errors call the thing asked for
 */
export async function sendOnce(
  client: HttpClient,
  request: HttpRequest,
  what: string,
  signal?: AbortSignal,
): Promise<HttpResponse> {
  let response: HttpResponse;
  try {
    response = await client.send(request, signal);
  } catch (error) {
    signal?.throwIfAborted();
    // What a body's maker throws is no fault of the connection.
    if (error instanceof BodyFailure) throw error.cause;
    if (error instanceof OciError) throw error;
    const { secrets } = client;
    const fault = connectionFault(secrets.censorError(error), secrets.censor(request.url.host));
    // Who has answered before is there, and speaks TLS: it restarts, or the network breaks what is said.
    if (client.hasAnswered(request.url) && !isUnanswered(error))
      throw new PassingFault(fault instanceof OciError ? fault : fault.error);
    throw fault;
  }
  if (!isPassing(response.status)) return response;
  const retryAfter = parseRetryAfter(response.header("retry-after"), Date.now());
  throw new PassingFault(await refusal(response, what), { retryAfter });
}

/** Statuses that say "later": RFC 9110, RFC 8470 (425), RFC 6585 (429). */
function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}
