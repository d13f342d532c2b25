import { OciError } from "../../errors.ts";

/** A failure that may pass: the same request may well succeed a little later. */
export class PassingFault extends Error {
  override readonly name = "PassingFault";
  /** What the failure is if it does not pass. */
  readonly error: OciError;
  /** How long the other side asks us to wait, in milliseconds. */
  readonly retryAfter: number | undefined;
  /** How often it is worth trying, where that is less than usual. */
  readonly attempts: number | undefined;

  constructor(
    error: OciError,
    options: { readonly retryAfter?: number | undefined; readonly attempts?: number | undefined } = {},
  ) {
    super(error.message, { cause: error });
    this.error = error;
    this.retryAfter = options.retryAfter;
    this.attempts = options.attempts;
  }
}

/** Nobody listens, or not yet: a registry that is starting is worth a moment, a wrong name is not. */
const REFUSED_ATTEMPTS = 3;

/** Who did not answer was given minutes each time: more of them would be an hour. */
const LATE_ATTEMPTS = 3;

const tlsHint =
  "Give the authority's certificate with --ca-file, or say --insecure with the registry's name.";

/** What undici calls waiting for too long. */
const lateness: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: "nobody took the connection in time",
  UND_ERR_HEADERS_TIMEOUT: "it did not answer in time",
  UND_ERR_BODY_TIMEOUT: "it stopped in the middle of an answer",
};

/** What a failed connection means. */
export function connectionFault(cause: unknown, host: string): PassingFault | OciError {
  if (cause instanceof ProxyFailure) return proxyFault(cause, host);
  const refused = proxyAnswerOf(cause);
  if (refused !== undefined) return proxyRefusal(refused, cause, host);
  const code = codeOf(cause);
  const error = (reason: string, hint?: string): OciError => unreachable(host, reason, { cause, hint });
  if (code === "ENOTFOUND") return error("there is no such host", "Check the name and the network.");
  if (isCertificateFault(code)) return error(`its certificate is not trusted (${code})`, tlsHint);
  if (/^(EPROTO|ERR_SSL_)/.test(code ?? ""))
    return error("it does not speak TLS", "Say --insecure with its name if it is your own.");
  if (code === "ECONNREFUSED") {
    return new PassingFault(error("nobody listens there", "Check the name, the port and the network."), {
      attempts: REFUSED_ATTEMPTS,
    });
  }
  const late = lateness[code ?? ""];
  if (late !== undefined) {
    const isBegun = code === "UND_ERR_BODY_TIMEOUT";
    return new PassingFault(error(late, "Check the network, or try again later."), {
      attempts: isBegun ? undefined : LATE_ATTEMPTS,
    });
  }
  return new PassingFault(error(`the connection failed (${code ?? messageOf(cause)})`));
}

function unreachable(
  host: string,
  reason: string,
  options: { readonly cause: unknown; readonly hint: string | undefined },
): OciError {
  return new OciError("registry-unreachable", `${host} cannot be reached: ${reason}`, {
    ...options,
    path: host,
  });
}

/** The proxy that the environment names cannot be reached itself. */
export class ProxyFailure extends Error {
  override readonly name = "ProxyFailure";
  /** Where it is named: `HTTPS_PROXY`. */
  readonly variable: string;

  constructor(variable: string, cause: Error) {
    super(cause.message, { cause });
    this.variable = variable;
  }
}

function proxyFault({ cause, variable }: ProxyFailure, host: string): PassingFault | OciError {
  const fault = connectionFault(cause, `the proxy of ${variable}`);
  const { message } = fault instanceof OciError ? fault : fault.error;
  const error = unreachable(host, message, { cause, hint: `Check ${variable} and NO_PROXY.` });
  return fault instanceof OciError ? error : new PassingFault(error, { attempts: fault.attempts });
}

/** The status with which a proxy refused to connect; its own words are undici's (`ProxyAgent`). */
function proxyAnswerOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const status = /^Proxy response \((\d{3})\) !== 200/.exec(error.message)?.[1];
  return status === undefined ? undefined : Number(status);
}

function proxyRefusal(status: number, cause: unknown, host: string): PassingFault | OciError {
  const hint =
    status === 407
      ? "Give its name and password in HTTPS_PROXY, as http://NAME:PASSWORD@HOST:PORT."
      : "See what it allows, or name the host in NO_PROXY.";
  const error = unreachable(host, `the proxy of HTTPS_PROXY answers ${status}`, { cause, hint });
  return status >= 500 || status === 429 ? new PassingFault(error) : error;
}

/** Certificates that are not trusted, expired, or another host's. */
function isCertificateFault(code: string | undefined): boolean {
  return (
    code !== undefined &&
    (/^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/.test(code) ||
      /^ERR_SSL_(TLSV1|SSLV3)_ALERT/.test(code))
  );
}

/** What is said when the other side answers a TLS greeting with something else, or hangs up. */
export function isNotTls(error: unknown): boolean {
  return notTls.test(codeOf(error) ?? "");
}

/** Whether a request was taken and not answered. */
export function isUnanswered(error: unknown): boolean {
  return codeOf(error) === "UND_ERR_HEADERS_TIMEOUT";
}

/** Whether nobody was spoken to, because the name is not known here or a proxy does not lead there. */
export function isUnreached(error: unknown): boolean {
  return /^(ENOTFOUND|EAI_AGAIN)$/.test(codeOf(error) ?? "") || isRefusedByProxy(error);
}

/** Whether a proxy said no. */
export function isRefusedByProxy(error: unknown): boolean {
  return proxyAnswerOf(error) !== undefined;
}

/** Whether a connection broke, which also happens to who speaks TLS. */
export function isBroken(error: unknown): boolean {
  return /^(ECONNRESET|UND_ERR_SOCKET)$/.test(codeOf(error) ?? "");
}

const notTls =
  /^(EPROTO|ECONNRESET|UND_ERR_SOCKET|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE))$/;

/** A system's or a library's code for an error, also of one that stands for several addresses' errors. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof AggregateError && !("code" in error)) return codeOf(error.errors[0]);
  // Another host's certificate behind a proxy.
  const isWrapped = "code" in error && error.code === "UND_ERR_PRX_TLS";
  if ("code" in error && typeof error.code === "string" && !isWrapped) return error.code;
  return codeOf(error.cause);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
