import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { makeServer } from "../../apps/fortune-cat/src/server.ts";
import { requirePrograms } from "../support/programs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("chromium");

/** Without these Chromium calls home when it starts. */
const quiet = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

describe.skipIf(!ready)("in a browser", () => {
  async function startService(): Promise<string> {
    const program = join(temporaryFolder(), "fortune");
    writeFileSync(program, "#!/bin/sh\necho 'A cat <b>says</b> & means it.'\n");
    chmodSync(program, 0o755);
    const server = makeServer({ fortuneProgram: program, catService: "http://127.0.0.1:1" }).listen(
      0,
      "127.0.0.1",
    );
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const chromium = (...words: string[]) =>
    execa("chromium", [...quiet, `--user-data-dir=${temporaryFolder()}`, ...words]);

  test.each([
    ["/", "Ask the cat"],
    ["/cat", "A cat <b>says</b> & means it."],
  ])("%s is drawn and says its words", async (path, words) => {
    const url = `${await startService()}${path}`;
    const picture = join(temporaryFolder(), "page.png");
    await chromium("--window-size=800,700", `--screenshot=${picture}`, url);
    const { width, height, colours } = inspectPng(readFileSync(picture));
    expect([width, height]).toEqual([800, 700]);
    // Paper, ink, fur, ear, collar, bell, and what lies between them.
    expect(colours).toBeGreaterThan(50);
    const { stdout } = await chromium("--dump-dom", url);
    const escaped = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    expect(stdout).toContain(escaped);
    expect(stdout).toContain("<svg");
  });
});

/** Size and number of different byte values of a PNG's (still filtered) pixels: a page of one colour has very few. */
function inspectPng(png: Buffer): {
  readonly width: number;
  readonly height: number;
  readonly colours: number;
} {
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT")
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  return {
    width: png.readUInt32BE(16),
    height: png.readUInt32BE(20),
    colours: new Set(inflateSync(Buffer.concat(data))).size,
  };
}
