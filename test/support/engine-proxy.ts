import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";

/** Answers a request itself and returns true, or leaves it to the engine. */
export type Interference = (incoming: IncomingMessage, response: ServerResponse) => boolean;

/** Something on a socket of its own in front of a Docker engine, which now and then answers for it; ended with the test. */
export async function startEngineProxy(host: string, interfere: Interference): Promise<string> {
  const socketPath = host.replace("unix://", "");
  const server = createServer((incoming, response) => {
    incoming.on("error", () => {});
    if (interfere(incoming, response)) return;
    const { method, url: path, headers } = incoming;
    const outgoing = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => response.destroy());
    incoming.on("aborted", () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  const own = join(temporaryFolder(), "engine");
  await new Promise<void>((resolve) => server.listen(own, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `unix://${own}`;
}
