import { chmodSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { catUrl } from "../../apps/fortune-cat/src/cat-service.ts";
import { tellFortune, wrap } from "../../apps/fortune-cat/src/fortune.ts";
import { escapeHtml } from "../../apps/fortune-cat/src/pages.ts";
import { makeServer } from "../../apps/fortune-cat/src/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** A program that stands where `fortune` would. */
function fortuneScript(script: string): string {
  const program = join(temporaryFolder(), "fortune");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return program;
}

/** Serves on loopback until the test ends. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Fortune Cat with a fortune program and a cat service. */
async function startFortuneCat(fortuneProgram: string, catService = "http://127.0.0.1:1"): Promise<string> {
  const server = makeServer({ fortuneProgram, catService }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("GET /cat", () => {
  test("asks the cat service for a cat that says the fortune, and answers with its body", async () => {
    const asked: string[] = [];
    const cats = await serve((request, response) => {
      asked.push(request.url ?? "");
      response.end("<p>a cat</p>");
    });
    const service = await startFortuneCat(
      fortuneScript('test "$1" = -s && printf "50%% of cats / dogs? #1\\n"'),
      cats,
    );
    const answer = await fetch(`${service}/cat`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await answer.text()).toBe("<p>a cat</p>");
    expect(asked).toEqual(["/cat/cute/says/50%25%20of%20cats%20%2F%20dogs%3F%20%231?html=true&fontSize=22"]);
  });

  test.each<[string, RequestListener]>([
    ["answers 500", (_, response) => response.writeHead(500).end("broken")],
    ["closes the connection", (request) => request.socket.destroy()],
    [
      "breaks off in the middle",
      (_, response) => {
        response.writeHead(200, { "content-length": "1000" }).write("half");
        setTimeout(() => response.destroy(), 20);
      },
    ],
    ["sends too much", (_, response) => response.end(Buffer.alloc(2 * 1024 * 1024))],
  ])("draws a cat of its own, marked as offline, when the service %s", async (_, listener) => {
    const service = await startFortuneCat(
      fortuneScript("echo '<b>Tom & \"Jerry\"</b>'"),
      await serve(listener),
    );
    const answer = await fetch(`${service}/cat`);
    expect(answer.status).toBe(200);
    const page = await answer.text();
    expect(page).toContain("<blockquote>&lt;b&gt;Tom &amp; &quot;Jerry&quot;&lt;/b&gt;</blockquote>");
    expect(page).toContain("offline");
    expect(page).toContain("<svg");
  });

  test("draws a cat of its own when the service is too slow", { timeout: 20_000 }, async () => {
    const service = await startFortuneCat(fortuneScript("echo slow"), await serve(() => {}));
    expect(await (await fetch(`${service}/cat`)).text()).toContain("<blockquote>slow</blockquote>");
  });

  test.each([
    ["fails", "exit 3", /ended with status 3/],
    ["prints nothing", "true", /told nothing/],
    ["prints only white space", "printf ' \\n\\t'", /told nothing/],
    ["says too much", "yes", /too long or said too much|maxBuffer/],
  ])("answers 503 when fortune %s", async (_, script, reason) => {
    const service = await startFortuneCat(fortuneScript(script));
    const answer = await fetch(`${service}/cat`);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toMatch(reason);
    expect((await fetch(`${service}/health`)).status).toBe(200);
  });

  test("answers 503 when there is no fortune, and when it hangs", { timeout: 20_000 }, async () => {
    const missing = await fetch(`${await startFortuneCat("/nonexistent/fortune")}/cat`);
    expect(missing.status).toBe(503);
    expect(await missing.text()).toContain("there is no such program");
    const hanging = await fetch(`${await startFortuneCat(fortuneScript("exec sleep 60"))}/cat`);
    expect(hanging.status).toBe(503);
    expect(await hanging.text()).toContain("took too long");
  });
});

describe("other requests", () => {
  test("/ greets, /health is ok, HEAD has no body, others are refused", async () => {
    const service = await startFortuneCat(fortuneScript("echo x"));
    const greeting = await fetch(`${service}/?from=test`);
    expect(greeting.status).toBe(200);
    expect(await greeting.text()).toContain('<a href="/cat">');
    expect(await (await fetch(`${service}/health`)).text()).toBe("ok\n");
    const head = await fetch(`${service}/`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const path of ["/dog", "/cat/", "/constructor"])
      expect((await fetch(`${service}${path}`)).status).toBe(404);
    const posted = await fetch(`${service}/cat`, { method: "POST" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});

describe("the parts", () => {
  test("lines are wrapped at 70 columns; a longer word stays whole", () => {
    const text = `${"word ".repeat(40)}\n${"x".repeat(90)} end\n\tshort`;
    const lines = wrap(text, 70).split("\n");
    expect(lines.filter((line) => line.length > 70)).toEqual(["x".repeat(90)]);
    expect(lines.join(" ").replaceAll(/\s+/g, " ")).toBe(text.replaceAll(/\s+/g, " ").trim());
    expect(lines.at(-1)).toBe("\tshort");
  });

  test("a fortune comes wrapped and trimmed", async () => {
    const fortune = await tellFortune(fortuneScript(`echo; echo '${"cat ".repeat(30)}'; echo`));
    expect(fortune.split("\n").every((line) => line.length <= 70 && line !== "")).toBe(true);
  });

  test("a URL carries any text", () => {
    const text = `/?#%&+"<>'\n\té🐱`;
    const url = new URL(catUrl("https://cataas.com/", text));
    expect(url.origin).toBe("https://cataas.com");
    expect(decodeURIComponent(url.pathname.replace("/cat/cute/says/", ""))).toBe(text);
    expect(catUrl("http://x", "a\ud800b")).toContain("a%EF%BF%BDb");
  });

  test("HTML is escaped", () => {
    expect(escapeHtml(`<a href="x" title='y'>&</a>`)).toBe(
      "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;",
    );
  });
});
