import type { AddressInfo } from "node:net";
import { makeServer } from "./server.ts";

const {
  FORTUNE_EXEC = "/app/bin/fortune",
  CATAAS_URL = "https://cataas.com",
  HOST = "0.0.0.0",
  PORT = "8001",
} = process.env;

const port = Number(PORT);
if (!/^\d+$/.test(PORT) || port > 65535) fail(`PORT is '${PORT}', which is not a port`);

const server = makeServer({ fortuneProgram: FORTUNE_EXEC, catService: CATAAS_URL });
server.on("error", (error) => fail(`cannot listen on ${HOST}:${PORT}: ${error.message}`));
server.listen(port, HOST, () => {
  const address = server.address() as AddressInfo;
  console.log(`Fortune Cat listens on http://${address.address}:${address.port}/`);
});

// As process 1 of a container Node has no default action for these.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));

function fail(message: string): never {
  console.error(`fortune-cat: ${message}`);
  process.exit(1);
}
