import { OciError } from "../errors.ts";
import { digestOf, type Digest } from "../spec/digest.ts";
import { manifestMediaTypes, mediaTypes } from "../spec/media-types.ts";
import type { Purpose } from "./auth/authorizer.ts";
import { bodyOf, discard, isSuccess, type HttpResponse } from "./http/message.ts";
import { refusal } from "./http/refusal.ts";
import type { RetryOptions } from "./http/retry.ts";
import type { Registry, RequestPatience } from "./registry.ts";

/** Registries take manifests up to this many bytes (OCI distribution spec, "Pushing Manifests"). */
const MANIFEST_BYTES = 4 * 1024 * 1024;

/** A registry that lists all tags where one was asked for is not read to the end. */
const TAGS_BYTES = 1024 * 1024;

/** A manifest as a registry has it. */
export interface RemoteManifest {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/** One repository of a registry: what can be asked of it. */
export class Repository {
  readonly registry: Registry;
  readonly name: string;
  readonly #access: "pull" | "pull,push";
  readonly #isOptional: boolean;

  /** @param options `isOptional`: whether all that is asked of it can be done without */
  constructor(
    registry: Registry,
    name: string,
    access: "pull" | "pull,push",
    { isOptional = false }: Pick<RequestPatience, "isOptional"> = {},
  ) {
    this.registry = registry;
    this.name = name;
    this.#access = access;
    this.#isOptional = isOptional;
  }

  /** The same, for what can be done without. */
  optional(): Repository {
    return new Repository(this.registry, this.name, this.#access, { isOptional: true });
  }

  /** How failures of what is asked of it are met. */
  retries(signal: AbortSignal | undefined): RetryOptions {
    return { ...this.registry.retries, isOptional: this.#isOptional, signal };
  }

  /** @param others repositories that are read from, for a mount */
  purpose(others: readonly string[] = []): Purpose {
    const scopes = [
      `repository:${this.name}:${this.#access}`,
      ...others.map((other) => `repository:${other}:pull`),
    ];
    return { repository: this.name, scopes };
  }

  path(rest: string): string {
    return `/v2/${this.name}/${rest}`;
  }

  /** Whether the repository has a blob, of this very size. */
  async hasBlob(
    { digest, size }: { readonly digest: Digest; readonly size: number },
    signal?: AbortSignal,
  ): Promise<boolean> {
    const response = await this.#ask(
      { method: "HEAD", path: `blobs/${digest}`, what: `the blob ${digest}` },
      signal,
    );
    await discard(response);
    // A registry that cannot answer HEAD is sent the blob.
    if (response.status === 404 || response.status === 405) return false;
    if (!isSuccess(response)) throw await refusal(response, `the blob ${digest} in ${this.name}`);
    const length = response.header("content-length");
    return matches(response, digest) && (length === undefined || Number(length) === size);
  }

  /** The digest of a manifest; undefined where there is none. */
  async headManifest(name: string, signal?: AbortSignal): Promise<Digest | undefined> {
    const response = await this.#ask(
      { method: "HEAD", path: `manifests/${name}`, what: `the manifest ${name}`, headers: { accept } },
      signal,
    );
    await discard(response);
    if (response.status === 404) return undefined;
    const digest = response.header("docker-content-digest");
    if (isSuccess(response) && digest !== undefined && isDigest(digest)) return digest;
    // Registries from before the header, and those that know no HEAD.
    return (await this.readManifest(name, signal))?.digest;
  }

  /**
   * A manifest by tag or digest; undefined where there is none.
   * @throws OciError `registry-failed` when it is not what its digest says
   */
  async readManifest(name: string, signal?: AbortSignal): Promise<RemoteManifest | undefined> {
    const what = `the manifest ${name} in ${this.name}`;
    const { response, bytes } = await this.registry.requestSmall(
      { method: "GET", target: this.path(`manifests/${name}`), what, headers: { accept } },
      this.purpose(),
      { limit: MANIFEST_BYTES, ...this.#patience(signal) },
    );
    if (!isSuccess(response)) {
      const error = await refusal(response, what);
      if (response.status === 404) return undefined;
      throw error;
    }
    this.#requireRegistry(response);
    if (bytes === undefined) throw this.#failed(`${what} is larger than any manifest may be`);
    // Registries from before the header have manifests too, and a server that says yes to everything has none.
    if (response.header("docker-content-digest") === undefined && !isDocument(bytes))
      throw this.#noRegistry(response, "what is no manifest");
    const digest = digestOf(bytes);
    if ((isDigest(name) && name !== digest) || !matches(response, digest))
      throw this.#failed(`${what} is not what its digest says`);
    const mediaType = response.censor(response.header("content-type")?.split(";")[0]?.trim() ?? "");
    return { mediaType, digest, bytes };
  }

  /** Whether anything is there under a tag, as far as the registry says so (distribution spec 1.1, "Listing Tags"). */
  async hasTags(signal?: AbortSignal): Promise<boolean> {
    const what = `the tags of ${this.name}`;
    const { response, bytes } = await this.registry.requestSmall(
      { method: "GET", target: this.path("tags/list?n=1"), what },
      this.purpose(),
      { limit: TAGS_BYTES, ...this.#patience(signal) },
    );
    if (!isSuccess(response)) {
      await discard(response);
      return false;
    }
    this.#requireRegistry(response);
    try {
      const { tags } = JSON.parse(bytes?.toString() ?? "{}") as { tags?: unknown };
      return bytes === undefined || (Array.isArray(tags) && tags.length > 0);
    } catch {
      return false;
    }
  }

  /** Whether the registry itself knows what refers to a manifest (distribution spec 1.1, "Listing Referrers"). */
  async hasReferrers(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const what = `what refers to ${digest} in ${this.name}`;
    const response = await this.#ask(
      { method: "GET", path: `referrers/${digest}`, what, headers: { accept: mediaTypes.index } },
      signal,
    );
    if (response.status === 401 || response.status === 403) throw await refusal(response, what);
    response.body.on("error", () => {}).destroy();
    const type = response.header("content-type")?.split(";")[0]?.trim();
    return isSuccess(response) && type === mediaTypes.index;
  }

  /**
   * Puts a manifest under a tag or its digest, and checks that it is there.
   * @throws OciError `registry-failed` when something else is there afterwards
   */
  async putManifest(
    name: string,
    manifest: { readonly mediaType: string; readonly digest: Digest; readonly bytes: Uint8Array },
    signal?: AbortSignal,
  ): Promise<void> {
    const what = `the manifest ${name} in ${this.name}`;
    const response = await this.registry.request(
      {
        method: "PUT",
        target: this.path(`manifests/${name}`),
        what,
        headers: { "content-type": manifest.mediaType },
        body: bodyOf(manifest.bytes),
      },
      this.purpose(),
      this.#patience(signal),
    );
    if (!isSuccess(response)) throw await refusal(response, what);
    await discard(response);
    const told = response.header("docker-content-digest") ?? (await this.headManifest(name, signal));
    if (told !== manifest.digest)
      throw this.#failed(`${what} is ${told === undefined ? "missing" : "another"} after it was put there`);
  }

  async #ask(
    request: {
      readonly method: "GET" | "HEAD";
      readonly path: string;
      readonly what: string;
      readonly headers?: Readonly<Record<string, string>>;
    },
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const { method, path, what, headers = {} } = request;
    const target = this.path(path);
    const asked = { method, target, what, headers };
    const response = await this.registry.request(asked, this.purpose(), this.#patience(signal));
    this.#requireRegistry(response);
    return response;
  }

  /** A web server, or a network that wants a login first and answers for everybody, has pages for all that is asked. */
  #requireRegistry(response: HttpResponse): void {
    const type = response.header("content-type") ?? "";
    const isPage = isSuccess(response) && /^text\/html\b/i.test(type);
    if (!isPage || response.header("docker-content-digest") !== undefined) return;
    response.body.on("error", () => {}).destroy();
    throw this.#noRegistry(response, "a web page");
  }

  #noRegistry(response: HttpResponse, what: string): OciError {
    const { domain } = this.registry;
    const host = response.censor(response.url.host);
    const whose = host === domain ? what : `${what}, of ${host}`;
    return new OciError("registry-unreachable", `${domain} is no registry: it answers with ${whose}`, {
      path: domain,
      hint: "Check the name and the port; a network that wants a login first answers so for everybody.",
    });
  }

  #patience(signal: AbortSignal | undefined): RequestPatience {
    return { isOptional: this.#isOptional, signal };
  }

  #failed(reason: string): OciError {
    return new OciError("registry-failed", `${this.registry.domain}: ${reason}`, {
      path: this.registry.domain,
    });
  }
}

const accept = manifestMediaTypes.join(", ");

function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** Whether bytes may be a manifest or an index, of whatever version. */
function isDocument(bytes: Buffer): boolean {
  try {
    const document = JSON.parse(bytes.toString()) as object;
    return "schemaVersion" in document || "mediaType" in document;
  } catch {
    return false;
  }
}

/** Whether an answer says nothing else than that it is about a digest. */
export function matches(response: HttpResponse, digest: Digest): boolean {
  const told = response.header("docker-content-digest");
  return told === undefined || !isDigest(told) || told === digest;
}
