import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { HttpDownloads } from "@stowage/oci/internal";
import { describe, expect, onTestFinished, test } from "vitest";
import { seededRandom } from "../../support/campaign.ts";
import { quickRetries } from "../../support/quick-retries.ts";

const random = seededRandom(7);
const file = Buffer.from(Array.from({ length: 300_000 }, () => Math.floor(random() * 256)));

type Answer = (request: IncomingMessage, response: ServerResponse, attempt: number) => void;

/** What a server got, and what came of it. */
async function download(answer: Answer): Promise<{
  readonly bytes: Buffer | undefined;
  readonly error: unknown;
  readonly status: number | undefined;
  readonly ranges: readonly (string | undefined)[];
}> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    answer(request, response, ranges.length);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await using downloads = new HttpDownloads({ retry: quickRetries });
  const parts: Buffer[] = [];
  let status: number | undefined;
  try {
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/file`);
    const answered = await downloads.get(url);
    status = answered.status;
    for await (const chunk of answered.bytes ?? []) parts.push(Buffer.from(chunk));
    const bytes = answered.bytes === undefined ? undefined : Buffer.concat(parts);
    return { bytes, error: undefined, status, ranges };
  } catch (error) {
    return { bytes: undefined, error, status, ranges };
  }
}

const startOf = (request: IncomingMessage): number =>
  Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);

/** Promises all that is left, and gives so many bytes of it. */
function giveFrom(start: number, response: ServerResponse, most = file.length, headers = {}): void {
  const range = { "content-range": `bytes ${start}-${file.length - 1}/${file.length}` };
  response.writeHead(start === 0 ? 200 : 206, {
    "content-length": file.length - start,
    etag: '"1"',
    ...(start === 0 ? {} : range),
    ...headers,
  });
  response.write(file.subarray(start, start + most), () => {
    if (start + most >= file.length) response.end();
    else response.destroy();
  });
}

describe("a download", () => {
  test("goes on where it broke, over and over", async () => {
    const { bytes, ranges } = await download((request, response) =>
      giveFrom(startOf(request), response, 50_000),
    );
    expect(bytes?.equals(file)).toBe(true);
    expect(ranges.length).toBeGreaterThanOrEqual(6);
    expect(ranges[0]).toBeUndefined();
    for (const range of ranges.slice(1)) expect(range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test("begins again where the server gives no parts, and takes what it lacks", async () => {
    const { bytes, ranges } = await download((_, response, attempt) =>
      giveFrom(0, response, attempt === 1 ? 100_000 : file.length),
    );
    expect(bytes?.equals(file)).toBe(true);
    expect(ranges).toHaveLength(2);
  });

  test("waits for a server that says later, and comes back after a cut connection", async () => {
    const { bytes, ranges } = await download((request, response, attempt) => {
      if (attempt === 1) response.writeHead(503).end();
      else if (attempt === 2) response.writeHead(429, { "retry-after": "0" }).end();
      else if (attempt === 3) request.socket.destroy();
      else giveFrom(0, response);
    });
    expect(bytes?.equals(file)).toBe(true);
    expect(ranges).toHaveLength(4);
  });

  test("takes its time with a slow server", async () => {
    const { bytes } = await download((_, response) => {
      response.writeHead(200);
      void (async () => {
        for (let at = 0; at < file.length; at += 1000) {
          response.write(file.subarray(at, at + 1000));
          await turn();
        }
        response.end();
      })();
    });
    expect(bytes?.equals(file)).toBe(true);
  });

  test("gives up where nothing more comes", async () => {
    const { error, ranges } = await download((_, response) => giveFrom(0, response, 1000));
    expect(error).toMatchObject({ code: "registry-unreachable" });
    expect(ranges.length).toBeLessThanOrEqual(2 * quickRetries.attempts);
  });

  test("does not take another part than it asked for", async () => {
    const { error } = await download((request, response) =>
      giveFrom(startOf(request), response, 1000, {
        "content-range": `bytes 5-${file.length - 1}/${file.length}`,
      }),
    );
    expect(error).toMatchObject({ code: "registry-failed" });
  });

  test.each([401, 403, 404, 410])("says %s where the file is not given", async (status) => {
    const said = await download((_, response) => response.writeHead(status).end("no"));
    expect(said).toMatchObject({ status, bytes: undefined, error: undefined });
    expect(said.ranges).toHaveLength(1);
  });

  test("follows a redirect, and not without end", async () => {
    const one = await download((request, response) => {
      if (request.url === "/file") response.writeHead(302, { location: "/other" }).end();
      else giveFrom(0, response);
    });
    expect(one.bytes?.equals(file)).toBe(true);
    const circle = await download((_, response) => response.writeHead(302, { location: "/file" }).end());
    expect(circle.error).toMatchObject({ code: "registry-failed" });
  });
});

test.each(
  [65_536, 70_000, 140_000].flatMap((length) => [
    { length, by: undefined },
    { length, by: "a proxy" },
  ]),
)(
  "a server that hangs up behind its answer ends nothing, however late it is read: %j",
  async ({ length, by }) => {
    const body = file.subarray(0, length);
    const ended = Promise.withResolvers<void>();
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n`);
        socket.write(body);
        socket.end(() => ended.resolve());
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const away = { insecure: ["cache.test"], environment: { HTTP_PROXY: host } };
    await using downloads = new HttpDownloads({ retry: quickRetries, ...(by === undefined ? {} : away) });
    const url = new URL(`http://${by === undefined ? host : "cache.test"}/file`);
    const { bytes } = await downloads.get(url);
    await ended.promise;
    // The end is there, and nobody has read what comes before it.
    for (let turns = 0; turns < 50; turns++) await turn();
    const parts: Uint8Array[] = [];
    for await (const chunk of bytes ?? []) parts.push(chunk);
    expect(Buffer.concat(parts).equals(body)).toBe(true);
  },
);
