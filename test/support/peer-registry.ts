import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a registry in memory differs from what everybody expects. */
export interface Oddities {
  /** Answers a mount by beginning an upload. */
  readonly ignoresMounts?: boolean;
  /** Says nothing of digests in its answers. */
  readonly isSilent?: boolean;
  /** Answers with other statuses of success than the specification has: by the one it has. */
  readonly statuses?: Readonly<Record<number, number>>;
  /** Sends uploads to another origin, by `Location` or by a redirect of each request. */
  readonly uploadsAt?: { readonly origin: string; readonly by: "location" | "redirect" };
  /** Sends whoever reads blobs to another origin. */
  readonly downloadsAt?: string;
  /** Wants this header with each request. */
  readonly authorization?: string;
  /** Looks at each request before it is answered; what it answers itself is answered. */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Forgets what it has of an upload that breaks. */
  readonly forgets?: boolean;
  /** Its blobs are another registry's, which sends uploads or downloads here. */
  readonly blobsOf?: Map<string, Buffer>;
  /** Keeps another digest than it was given. */
  readonly lies?: boolean;
  /** Answers with a blob from its start, whatever part is asked for. */
  readonly ignoresRanges?: boolean;
  /** Knows what refers to a manifest (OCI distribution spec 1.1, "Listing Referrers"). */
  readonly hasReferrers?: boolean;
  /** Says no length of what it answers with. */
  readonly saysNoLength?: boolean;
}

/** A registry in memory that speaks the OCI distribution spec 1.1 to the letter, but for its oddities. */
export interface PeerRegistry extends AsyncDisposable {
  readonly host: string;
  readonly origin: string;
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, Buffer>;
  /** `METHOD path`, one for each request. */
  readonly requests: string[];
  /** What each request showed as `Authorization`. */
  readonly shown: (string | undefined)[];
  /** Bytes of blobs that arrived, also of those that arrived twice. */
  received: number;
}

export async function startPeerRegistry(oddities: Oddities = {}): Promise<PeerRegistry> {
  const uploads = new Map<string, Buffer[]>();
  const server: Server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const origin = `http://${host}`;
  const peer: PeerRegistry = {
    host,
    origin,
    blobs: oddities.blobsOf ?? new Map(),
    manifests: new Map(),
    requests: [],
    shown: [],
    received: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  let begun = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", origin);
    peer.requests.push(`${request.method} ${url.pathname}${url.search}`);
    peer.shown.push(request.headers.authorization);
    const end = (status: number, headers: Record<string, string> = {}, body?: Buffer): void => {
      const told = oddities.isSilent ? withoutDigest(headers) : headers;
      response
        .writeHead(oddities.statuses?.[status] ?? status, told)
        .end(request.method === "HEAD" ? undefined : body);
    };
    if (oddities.before?.(request, response)) return;
    if (oddities.authorization !== undefined && request.headers.authorization !== oddities.authorization) {
      end(401, { "www-authenticate": 'Basic realm="test"' });
      return;
    }
    const [, kind, name = ""] = /\/(manifests|blobs)\/(.*)$/.exec(url.pathname) ?? [];
    if (kind === "manifests") await answerManifest(request, name, end);
    else if (kind === "blobs" && name.startsWith("uploads/")) await answerUpload(request, url, end);
    else if (kind === "blobs") answerBlob(request, url, name, end);
    else if (url.pathname.includes("/referrers/")) answerReferrers(url, end);
    else end(200);
  }

  type End = (status: number, headers?: Record<string, string>, body?: Buffer) => void;

  async function answerManifest(request: IncomingMessage, name: string, end: End): Promise<void> {
    if (request.method === "PUT") {
      const bytes = await read(request, () => {});
      const digest = oddities.lies ? `sha256:${"0".repeat(64)}` : digestOf(bytes);
      peer.manifests.set(name, bytes).set(digest, bytes);
      end(201, { "docker-content-digest": digest });
      return;
    }
    const bytes = peer.manifests.get(name);
    if (bytes === undefined) end(404);
    else {
      const { mediaType } = JSON.parse(bytes.toString()) as { mediaType: string };
      end(200, { "docker-content-digest": digestOf(bytes), "content-type": mediaType }, bytes);
    }
  }

  function answerReferrers(url: URL, end: End): void {
    const subject = /[^/]*$/.exec(url.pathname)?.[0];
    const all = new Map([...peer.manifests.values()].map((bytes) => [digestOf(bytes), bytes]));
    const manifests = [...all].flatMap(([digest, bytes]) => {
      const manifest = JSON.parse(bytes.toString()) as Record<string, { digest?: string } | undefined>;
      const { mediaType, artifactType } = manifest;
      return manifest["subject"]?.digest === subject
        ? [{ mediaType, digest, size: bytes.length, artifactType }]
        : [];
    });
    if (!oddities.hasReferrers) end(404, { "content-type": "text/plain" });
    else {
      const index = "application/vnd.oci.image.index.v1+json";
      end(
        200,
        { "content-type": index },
        Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: index, manifests })),
      );
    }
  }

  function answerBlob(request: IncomingMessage, url: URL, digest: string, end: End): void {
    const bytes = peer.blobs.get(digest);
    if (oddities.downloadsAt !== undefined) end(307, { location: `${oddities.downloadsAt}${url.pathname}` });
    else if (bytes === undefined) end(404);
    else {
      const range = oddities.ignoresRanges ? undefined : request.headers.range;
      const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
      const part = bytes.subarray(start);
      const headers: Record<string, string> = { "docker-content-digest": digest };
      if (!oddities.saysNoLength) headers["content-length"] = String(part.length);
      if (start > 0) headers["content-range"] = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
      end(start === 0 ? 200 : 206, headers, part);
    }
  }

  async function answerUpload(request: IncomingMessage, url: URL, end: End): Promise<void> {
    const elsewhere = oddities.uploadsAt;
    if (request.method === "POST") {
      const mount = url.searchParams.get("mount");
      if (mount !== null && !oddities.ignoresMounts && peer.blobs.has(mount)) {
        end(201, { location: url.pathname, "docker-content-digest": mount });
        return;
      }
      const id = `upload-${++begun}`;
      uploads.set(id, []);
      const place = `${url.pathname}${id}?state=a%20b+c`;
      end(202, { location: elsewhere?.by === "location" ? `${elsewhere.origin}${place}` : place });
      return;
    }
    if (elsewhere?.by === "redirect") {
      request.resume();
      end(307, { location: `${elsewhere.origin}${url.pathname}${url.search}` });
      return;
    }
    const id = /[^/]*$/.exec(url.pathname)?.[0] ?? "";
    const parts = uploads.get(id) ?? (oddities.blobsOf === undefined ? undefined : []);
    if (parts === undefined) {
      request.resume();
      end(404);
      return;
    }
    uploads.set(id, parts);
    if (!url.search.includes("state=a%20b+c")) {
      end(400);
      return;
    }
    const length = (): number => parts.reduce((sum, part) => sum + part.length, 0);
    const where = (): Record<string, string> => ({
      location: `${url.pathname}?state=a%20b+c`,
      range: `0-${Math.max(0, length() - 1)}`,
    });
    if (request.method === "GET") {
      end(204, where());
      return;
    }
    const start = /^(\d+)-/.exec(request.headers["content-range"] ?? "")?.[1];
    if (start !== undefined && Number(start) !== length()) {
      request.resume();
      end(416, where());
      return;
    }
    try {
      await read(request, (chunk) => {
        parts.push(chunk);
        peer.received += chunk.length;
      });
    } catch {
      if (oddities.forgets) uploads.delete(id);
      return;
    }
    if (request.method === "PATCH") {
      end(202, where());
      return;
    }
    const digest = url.searchParams.get("digest") ?? "";
    const bytes = Buffer.concat(parts);
    uploads.delete(id);
    if (digestOf(bytes) !== digest) {
      end(400, {}, Buffer.from('{"errors":[{"code":"DIGEST_INVALID","message":"not the digest"}]}'));
      return;
    }
    peer.blobs.set(digest, bytes);
    end(201, { location: `/v2/x/blobs/${digest}`, "docker-content-digest": digest });
  }

  return peer;
}

async function read(request: IncomingMessage, onChunk: (chunk: Buffer) => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) {
    onChunk(chunk);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function withoutDigest(headers: Record<string, string>): Record<string, string> {
  const { "docker-content-digest": _, ...others } = headers;
  return others;
}
