import { once } from "node:events";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Certificate } from "./certificates.ts";

/** A folder served on loopback, as a binary cache is. */
export interface CacheServer extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly requests: string[];
  /** Connections that were made. */
  connections: number;
}

/**
 * Serves a folder, ranges too.
 * @param answer may answer a request itself, and says so; or lets it wait
 * @param certificate files that it speaks HTTPS with
 */
export async function serveCache(
  folder: string,
  answer: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean> = () => false,
  certificate?: Certificate,
): Promise<CacheServer> {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? "/";
    served.requests.push(path);
    const serve = (isAnswered: boolean): void => {
      if (!isAnswered) serveFile(join(folder, path), request, response);
    };
    const answered = answer(request, response);
    if (answered instanceof Promise) void answered.then(serve);
    else serve(answered);
  };
  const server =
    certificate === undefined
      ? createServer(listener)
      : createTlsServer(
          { cert: readFileSync(certificate.certificate), key: readFileSync(certificate.key) },
          listener,
        );
  server.listen(0, "127.0.0.1");
  server.on("connection", () => served.connections++);
  await once(server, "listening");
  const served: CacheServer = {
    url: `${certificate === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    connections: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return served;
}

function serveFile(path: string, request: IncomingMessage, response: ServerResponse): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    response.writeHead(404).end();
    return;
  }
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const length = size - start;
  response.writeHead(start === 0 ? 200 : 206, {
    "content-length": length,
    etag: '"the-same"',
    ...(start === 0 ? {} : { "content-range": `bytes ${start}-${size - 1}/${size}` }),
  });
  if (length === 0) response.end();
  else createReadStream(path, { start }).pipe(response);
}
