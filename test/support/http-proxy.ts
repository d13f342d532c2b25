import { once } from "node:events";
import { createServer, request as forward, type ServerResponse } from "node:http";
import { createServer as createSecure } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import { readFileSync } from "node:fs";
import { onTestFinished } from "vitest";
import type { Certificate } from "./certificates.ts";

export interface HttpProxy {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** `CONNECT HOST:PORT`, or `METHOD URL` of what it forwards, and with which login. */
  readonly asked: string[];
}

export interface HttpProxySettings {
  /** Where a name and port lead, as `HOST:PORT`; undefined: nowhere, which is answered with 502. */
  readonly resolve: (place: string) => string | undefined;
  /** A status to answer instead of leading anywhere. */
  readonly refuse?: ((method: string | undefined) => number | undefined) | undefined;
  /** Speaks TLS itself. */
  readonly tls?: Certificate | undefined;
}

/** An HTTP proxy on loopback that alone knows where names lead (RFC 9110, 9.3.6 and RFC 9112, 3.2.2); ended with the test. */
export async function startHttpProxy({ resolve, refuse, tls }: HttpProxySettings): Promise<HttpProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const note = (method: string | undefined, place: string | undefined, login: string | undefined): void =>
    void asked.push(`${method} ${place}${login === undefined ? "" : ` as ${login}`}`);
  const server =
    tls === undefined
      ? createServer()
      : createSecure({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) });
  server.on("request", (request, response: ServerResponse) => {
    const { method, url = "", headers } = request;
    note(method, url, headers["proxy-authorization"]);
    const { host, pathname, search } = new URL(url);
    const there = resolve(host.includes(":") ? host : `${host}:80`);
    const status = refuse?.(method) ?? (there === undefined ? 502 : undefined);
    if (status !== undefined) {
      request.resume();
      response.writeHead(status).end();
      return;
    }
    const { "proxy-authorization": _, ...others } = headers;
    const upstream = forward(
      `http://${there}${pathname}${search}`,
      { method, headers: others, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    ).on("error", () => response.destroy());
    request.pipe(upstream);
  });
  server.on("connect", ({ method, url = "", headers }, socket: Socket) => {
    note(method, url, headers["proxy-authorization"]);
    const there = resolve(url);
    const status = refuse?.(method) ?? (there === undefined ? 502 : undefined);
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const [name, port] = (there as string).split(":");
    const onward = connect({ port: Number(port), host: name ?? "", allowHalfOpen: true });
    for (const one of [socket, onward]) {
      sockets.add(one);
      one.on("error", () => {}).on("close", () => [socket, onward].forEach((end) => end.destroy()));
    }
    onward.once("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
