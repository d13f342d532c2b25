/** The cat service could not be reached in time, or did not answer with a page. */
export class CatServiceError extends Error {
  override readonly name = "CatServiceError";
}

const TIMEOUT_MILLISECONDS = 5000;
const MAX_BYTES = 1024 * 1024;

/** Where a cat says a text: everything but unreserved characters percent-encoded, so that `/`, `?` and `#` are said too. */
export function catUrl(service: string, text: string): string {
  return `${service.replace(/\/+$/, "")}/cat/cute/says/${encodeURIComponent(text.toWellFormed())}?html=true&fontSize=22`;
}

/** Asks the cat service for a page on which a cat says the text. */
export async function askCat(service: string, text: string): Promise<string> {
  try {
    const response = await fetch(catUrl(service, text), {
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    });
    if (!response.ok) throw new CatServiceError(`it answered ${response.status}`);
    return await readLimited(response);
  } catch (error) {
    if (error instanceof CatServiceError) throw error;
    throw new CatServiceError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

async function readLimited(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > MAX_BYTES) throw new CatServiceError(`its page is larger than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
