import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { pushDraft, Registry, Repository } from "@stowage/oci";
import { describe, expect, onTestFinished, test } from "vitest";
import { makeCertificates } from "../../support/certificates.ts";
import { imageOf, layerOf } from "../../support/memory-image.ts";
import { requirePrograms } from "../../support/programs.ts";
import { quickRetries as retry } from "../../support/quick-retries.ts";
import { startRegistry, type TestRegistry } from "../../support/registry.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** The first byte of a TLS record that holds a greeting (RFC 8446, 5.1). */
const HANDSHAKE = 22;

/** Something in front of a registry that resets so many of the connections that begin with a TLS greeting. */
async function startResetting(
  registry: TestRegistry,
  times: number,
): Promise<{ host: string; greeted: number }> {
  const [name = "", port] = registry.host.split(":");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    socket.once("data", (first: Buffer) => {
      if (first[0] === HANDSHAKE && wire.greeted++ < times) {
        socket.resetAndDestroy();
        return;
      }
      const onward = connect(Number(port), name).on("error", () => socket.destroy());
      sockets.add(onward);
      onward.write(first);
      socket.pipe(onward).pipe(socket);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const wire = { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, greeted: 0 };
  return wire;
}

describe.skipIf(!requirePrograms("docker-registry", "openssl"))("a TLS greeting that is reset", () => {
  const image = imageOf([layerOf("a", "one")]);

  test("four times is a bad network, and TLS is spoken", async () => {
    const { authority, server } = makeCertificates(temporaryFolder());
    await using secure = await startRegistry({ tls: server });
    const wire = await startResetting(secure, 4);
    const certificates = readFileSync(authority.certificate, "utf8");
    await using registry = new Registry(wire.host, { retry, certificates });
    await pushDraft(image, { repository: new Repository(registry, "app", "pull,push"), tags: ["1"] });
    expect(secure.log()).toMatch(/PUT \/v2\/app\/manifests\/1 HTTP/);
    expect(wire.greeted).toBeGreaterThan(4);
  });

  test("each time is somebody who speaks plain HTTP, and is greeted no more", async () => {
    await using plain = await startRegistry();
    const wire = await startResetting(plain, Infinity);
    await using registry = new Registry(wire.host, { retry });
    await pushDraft(image, { repository: new Repository(registry, "app", "pull,push"), tags: ["1"] });
    expect(plain.log()).toMatch(/PUT \/v2\/app\/manifests\/1 HTTP/);
    expect(wire.greeted).toBe(5);
  });
});
