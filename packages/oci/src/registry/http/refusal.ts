import { OciError, type OciErrorCode } from "../../errors.ts";
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
    codeFor(response.status),
    `${host} answers ${response.status} for ${what}${said === "" ? "" : `: ${said}`}`,
    { path: host, hint: hintFor(response.status, host) },
  );
}

function codeFor(status: number): OciErrorCode {
  if (status === 401 || status === 403) return "registry-denied";
  return status === 404 ? "registry-missing" : "registry-failed";
}

function hintFor(status: number, host: string): string | undefined {
  if (status === 401) return `Log in with docker login ${host}, or give --username and --password-stdin.`;
  if (status === 403) return "The credentials, if any, do not allow it.";
  if (status === 405) return "It may be read-only.";
  if (status === 429) return "Wait a while, or log in: registries count requests.";
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
