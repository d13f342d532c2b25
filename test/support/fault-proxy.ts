import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecure } from "node:https";
import type { AddressInfo } from "node:net";
import type { Certificate } from "./certificates.ts";

/** What can go wrong with one request. */
export const faultKinds = ["503", "429", "reset", "lost"] as const;
export type FaultKind = (typeof faultKinds)[number];

/** A proxy in front of a registry that breaks some of the requests. */
export interface FaultProxy extends AsyncDisposable {
  readonly host: string;
  /** How often each kind of fault happened. */
  readonly faults: Record<FaultKind, number>;
  requests: number;
  /** Bytes of request bodies that came this far. */
  received: number;
  /** Bytes of answers' bodies that went out. */
  answered: number;
}

/**
 * Starts one. `reset` cuts the connection, an upload's or a download's in its middle; `lost` lets the registry do what is asked and keeps its
 * answer back.
 * @param decide says of each request what goes wrong with it
 * @param tls whose TLS it speaks to clients, in front of a registry without
 */
export async function startFaultProxy(
  registry: string,
  decide: (request: IncomingMessage) => FaultKind | undefined,
  tls?: Certificate,
): Promise<FaultProxy> {
  const server =
    tls === undefined
      ? createServer()
      : createSecure({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    proxy.requests++;
    const fault = decide(request);
    if (fault !== undefined) proxy.faults[fault]++;
    if (fault === "503" || fault === "429") {
      request.resume();
      response.writeHead(Number(fault), fault === "429" ? { "retry-after": "0" } : {}).end();
    } else pass(request, response, fault);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy: FaultProxy = {
    host,
    faults: { "503": 0, "429": 0, reset: 0, lost: 0 },
    requests: 0,
    received: 0,
    answered: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };

  // What a registry makes URLs of.
  const forwarded = tls === undefined ? {} : { "x-forwarded-proto": "https" };

  function pass(request: IncomingMessage, response: ServerResponse, fault: FaultKind | undefined): void {
    const { method, url, headers } = request;
    const isDownload = method === "GET";
    const upstream = forward(
      `http://${registry}${url}`,
      { method, headers: { ...headers, host, ...forwarded }, agent: false },
      (answer) => {
        if (fault === "lost") {
          answer.resume().on("close", () => response.destroy());
          return;
        }
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        const length = Number(answer.headers["content-length"] ?? 0);
        let answered = 0;
        answer.on("data", (chunk: Buffer) => {
          const half = fault === "reset" ? chunk.subarray(0, Math.max(0, length / 2 - answered)) : chunk;
          answered += chunk.length;
          proxy.answered += half.length;
          if (half.length === chunk.length) response.write(half);
          else {
            // The half of a small answer has to be on its way before the connection is cut.
            answer.removeAllListeners("data").removeAllListeners("end").resume();
            response.write(half, () => setTimeout(() => response.destroy(), 5));
          }
        });
        answer.on("end", () => (fault === "reset" ? response.destroy() : response.end()));
        answer.on("error", () => response.destroy());
      },
    );
    upstream.on("error", () => response.destroy());
    const length = Number(headers["content-length"] ?? 0);
    let passed = 0;
    request.on("data", (chunk: Buffer) => {
      proxy.received += chunk.length;
      passed += chunk.length;
      if (fault === "reset" && passed >= length / 2) {
        request.destroy();
        upstream.destroy();
      } else if (!upstream.destroyed) upstream.write(chunk);
    });
    request.on("end", () => {
      if (fault === "reset" && !isDownload) {
        request.destroy();
        upstream.destroy();
      } else upstream.end();
    });
    request.on("error", () => upstream.destroy());
  }

  return proxy;
}
