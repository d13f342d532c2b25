import type { ClientRequest, IncomingMessage } from "node:http";
import type { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { engineFailed, engineMissing, isNotTaken } from "./engine.ts";
import type { DockerAddress } from "./docker-host.ts";

/** Docker's API on a socket (Docker Engine API, v1.40 and later; without a version in the path the engine's own is meant). */
export class DockerApi {
  readonly #address: Exclude<DockerAddress, { kind: "client" }>;
  readonly #shown: string;

  constructor(address: Exclude<DockerAddress, { kind: "client" }>) {
    this.#address = address;
    this.#shown = address.kind === "socket" ? address.socketPath : `${address.host}:${address.port}`;
  }

  /**
   * Reads a document; undefined where there is none.
   * @throws CoreError `engine-missing`, `engine-failed`
   */
  async get(path: string, signal?: AbortSignal): Promise<unknown> {
    const outgoing = await this.#open("GET", path, signal);
    outgoing.end();
    const answer = await this.#answerTo(outgoing, signal);
    const body = await this.#read(answer, signal);
    if (answer.statusCode === 404) return undefined;
    if (answer.statusCode !== 200)
      throw engineFailed("docker", saidIn(body) ?? `it answers ${answer.statusCode}`);
    try {
      return JSON.parse(body);
    } catch (cause) {
      throw engineFailed("docker", "it answers something else than JSON", cause);
    }
  }

  /**
   * Sends a body as it is written and reads the answer to its end.
   * @throws CoreError `engine-missing`, `engine-failed`; what writing throws
   */
  async post<T>(path: string, write: (body: Writable) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const outgoing = await this.#open("POST", path, signal);
    outgoing.setHeader("content-type", "application/x-tar");
    const answering = this.#answerTo(outgoing, signal);
    // Who writes hears of it first.
    answering.catch(() => {});
    let result: T;
    try {
      result = await write(outgoing);
      outgoing.end();
    } catch (error) {
      throw await this.#reasonOf(error, { outgoing, answering, signal });
    }
    const answer = await answering;
    const body = await this.#read(answer, signal);
    const problem =
      answer.statusCode === 200 ? errorIn(body) : (saidIn(body) ?? `it answers ${answer.statusCode}`);
    if (problem !== undefined) throw engineFailed("docker", problem);
    return result;
  }

  /** Why a body was not written: an engine that refuses it says so and takes no more. */
  async #reasonOf(
    error: unknown,
    {
      outgoing,
      answering,
      signal,
    }: {
      readonly outgoing: ClientRequest;
      readonly answering: Promise<IncomingMessage>;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<unknown> {
    signal?.throwIfAborted();
    if (!isNotTaken(error)) {
      outgoing.destroy();
      return error;
    }
    try {
      const body = await this.#read(await answering, signal);
      return engineFailed("docker", errorIn(body) ?? saidIn(body) ?? "it broke the connection off", error);
    } catch (reason) {
      return reason;
    }
  }

  async #open(method: "GET" | "POST", path: string, signal: AbortSignal | undefined): Promise<ClientRequest> {
    // Not loaded by whoever needs no engine: with all that Node loads for it, 16 ms of processor time.
    const { request } = await import("node:http");
    const address = this.#address;
    const where =
      address.kind === "socket"
        ? { socketPath: address.socketPath }
        : { host: address.host, port: address.port };
    const outgoing = request({ ...where, method, path, headers: { host: "docker" }, agent: false, signal });
    outgoing.on("error", () => {});
    return outgoing;
  }

  async #answerTo(outgoing: ClientRequest, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    outgoing.on("response", resolve).on("error", reject);
    outgoing.on("close", () => reject(new Error("it broke the connection off")));
    try {
      return await promise;
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#unreachable(error);
    }
  }

  async #read(answer: IncomingMessage, signal: AbortSignal | undefined): Promise<string> {
    try {
      return await text(answer);
    } catch (cause) {
      signal?.throwIfAborted();
      throw engineFailed("docker", "it broke the connection off", cause);
    }
  }

  #unreachable(cause: unknown): Error {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (code === "EACCES" || code === "EPERM") {
      return engineMissing("docker", `permission denied at ${this.#shown}`, {
        hint: "Run as a user who may speak to it: root, or a member of the group docker.",
        cause,
      });
    }
    if (["ENOENT", "ECONNREFUSED", "ENOTFOUND", "ENOTSOCK", "ENOTDIR", "ETIMEDOUT"].includes(code)) {
      return engineMissing("docker", `nothing answers at ${this.#shown}`, {
        hint: "Start it, or say where it is with DOCKER_HOST.",
        cause,
      });
    }
    return engineFailed("docker", cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The error in a stream of JSON messages, one a line, that began well. */
function errorIn(body: string): string | undefined {
  for (const line of body.split("\n")) {
    const message = parse(line);
    const { error } = message;
    if (typeof error === "string") return error.trim();
  }
  return undefined;
}

function saidIn(body: string): string | undefined {
  const { message } = parse(body);
  return typeof message === "string" ? message.trim() : undefined;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
