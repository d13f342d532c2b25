import { OciError, type OciErrorCode } from "../../errors.ts";
import { parseChallenges } from "../auth/challenge.ts";
import { readSmall, type HttpResponse } from "./message.ts";

const ERROR_BYTES = 64 * 1024;
const SHOWN_CHARACTERS = 300;

/**
 * What an answer that is no success means, with what the registry says of it (OCI distribution spec, "Error Codes").
 * @param what what was asked for, as a people would say: `the blob sha256:…`
 */
export async function refusal(response: HttpResponse, what: string): Promise<OciError> {
  const said = response.censor(await explanation(response)).slice(0, SHOWN_CHARACTERS);
  const host = response.censor(response.url.host);
  return new OciError(
    codeFor(response),
    `${host} answers ${response.status} for ${what}${said === "" ? "" : `: ${said}`}`,
    { path: host, hint: hintFor(response, host) },
  );
}

function codeFor(response: HttpResponse): OciErrorCode {
  switch (response.status) {
    case 401:
      return hasTooSmallScope(response) ? "registry-forbidden" : "registry-denied";
    case 403:
      return "registry-forbidden";
    case 404:
      return "registry-missing";
    default:
      return "registry-failed";
  }
}

/** Whether a token is good and not for this (RFC 6750, 3.1). */
function hasTooSmallScope(response: HttpResponse): boolean {
  const challenges = parseChallenges(response.header("www-authenticate") ?? "");
  return challenges.some(({ parameters }) => parameters["error"] === "insufficient_scope");
}

function hintFor(response: HttpResponse, host: string): string | undefined {
  const { status } = response;
  const isPage = /^text\/html\b/i.test(response.header("content-type") ?? "");
  if (isPage && [404, 405].includes(status))
    return "It answers as a web server does: check the registry's name and port.";
  if (status === 401) return `Log in with docker login ${host}, or give --username and --password-stdin.`;
  if (status === 403) return "The credentials, if any, do not allow it.";
  if (status === 404)
    return "Check the name; some registries want a repository made before anything is pushed to it.";
  if (status === 405) return "It may be read-only.";
  if (status === 413)
    return "Raise its limit, or that of a proxy before it, or make smaller layers: pack --max-layers.";
  if (status === 429) return "Wait a while, or log in: registries count requests.";
  if (status >= 500) return "Try again later; its own log says more.";
  return undefined;
}

async function explanation(response: HttpResponse): Promise<string> {
  try {
    const bytes = await readSmall(response, ERROR_BYTES);
    const document: unknown = JSON.parse(bytes?.toString() ?? "");
    const { errors } = document as { errors?: unknown };
    if (!Array.isArray(errors)) return "";
    return errors
      .map((error: unknown) => (error ?? {}) as { code?: unknown; message?: unknown })
      .map(({ code, message }) => [code, message].filter((word) => typeof word === "string").join(" "))
      .join("; ");
  } catch {
    return "";
  }
}
