import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { busyMachine } from "../support/busy-machine.ts";
import { freePort } from "../support/free-port.ts";
import { repository } from "../support/repository.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { waitForAnswer } from "../support/wait-for.ts";

const main = join(repository, "apps/fortune-cat/src/main.ts");

function start(env: NodeJS.ProcessEnv): { readonly service: ChildProcess; readonly said: () => string } {
  const service = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void service.kill("SIGKILL"));
  let said = "";
  for (const stream of [service.stdout, service.stderr])
    stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return { service, said: () => said };
}

describe("the process", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "listens where it is told, and %s ends it within a second",
    busyMachine,
    async (signal) => {
      const port = await freePort();
      const { service, said } = start({ HOST: "127.0.0.1", PORT: String(port) });
      expect((await waitForAnswer(`http://127.0.0.1:${port}/health`)).status).toBe(200);
      expect(said()).toBe(`Fortune Cat listens on http://127.0.0.1:${port}/\n`);
      const began = performance.now();
      service.kill(signal);
      expect(await once(service, "exit")).toEqual([0, null]);
      expect(performance.now() - began).toBeLessThan(1000);
    },
  );

  test("a request in progress does not hold it up", async () => {
    const program = join(temporaryFolder(), "fortune");
    writeFileSync(program, "#!/bin/sh\nexec sleep 60\n");
    chmodSync(program, 0o755);
    const port = await freePort();
    const { service } = start({
      PATH: process.env["PATH"],
      HOST: "127.0.0.1",
      PORT: String(port),
      FORTUNE_EXEC: program,
    });
    await waitForAnswer(`http://127.0.0.1:${port}/health`);
    const waiting = fetch(`http://127.0.0.1:${port}/cat`).then(
      () => "answered",
      () => "cut off",
    );
    await sleep(200);
    service.kill("SIGTERM");
    expect(await once(service, "exit")).toEqual([0, null]);
    expect(await waiting).toBe("cut off");
  });

  test.each(["", "x", "-1", "65536", "80.5"])("PORT '%s' is refused in words", async (port) => {
    const { service, said } = start({ PORT: port });
    expect(await once(service, "exit")).toEqual([1, null]);
    expect(said()).toBe(`fortune-cat: PORT is '${port}', which is not a port\n`);
  });

  test("a port that is taken is said in words", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const { service, said } = start({ HOST: "127.0.0.1", PORT: String(port) });
    expect(await once(service, "exit")).toEqual([1, null]);
    expect(said()).toMatch(/^fortune-cat: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
  });
});
