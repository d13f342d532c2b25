import { join } from "node:path";
import { archiveSink } from "@stowage/oci";
import { expect, test } from "vitest";
import { imageOf, layerOf } from "../support/memory-image.ts";
import { startPeerRegistry } from "../support/peer-registry.ts";
import { stowage, type Said } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Pushes to a registry that says "later" to the first requests, as many as there are of the headers. */
async function pushTo(laters: readonly Record<string, string>[], ...words: string[]): Promise<Said> {
  const left = [...laters];
  await using peer = await startPeerRegistry({
    before: (request, response) => {
      const headers = request.url === "/v2/" ? undefined : left.shift();
      if (headers !== undefined) response.writeHead(502, headers).end();
      return headers !== undefined;
    },
  });
  const file = join(temporaryFolder(), "image.tar");
  await archiveSink(file).write(imageOf([layerOf("a", "one")]));
  return await stowage(["push", file, `${peer.host}/app:1`, ...words]);
}

test("-v tells what is tried again, why, and when", async () => {
  const { exitCode, stderr } = await pushTo([{}, {}], "-v");
  expect(exitCode, stderr).toBe(0);
  const told = stderr.split("\n").filter((line) => line.includes("trying again"));
  expect(told).toHaveLength(2);
  for (const line of told)
    expect(line).toMatch(
      /^stowage: 127\.0\.0\.1:\d+ answers 502 for the manifest \S+.*; trying again in 0\.\d s$/,
    );
});

test("without -v nothing is said of a short wait, and of a long one once", async () => {
  const short = await pushTo([{}, {}]);
  expect(short.exitCode, short.stderr).toBe(0);
  expect(short.stderr).not.toContain("trying again");
  const long = await pushTo([{ "retry-after": "3" }, {}]);
  expect(long.exitCode, long.stderr).toBe(0);
  expect(long.stderr.split("trying again in 3.0 s")).toHaveLength(2);
  expect(long.stderr.split("trying again")).toHaveLength(2);
});

test("with -q nothing is said", async () => {
  expect(await pushTo([{ "retry-after": "3" }], "-q")).toMatchObject({ exitCode: 0, stderr: "" });
});
