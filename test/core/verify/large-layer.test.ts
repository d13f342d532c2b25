import { statSync } from "node:fs";
import { join } from "node:path";
import { archiveSink } from "@stowage/oci";
import { verify } from "@stowage/core";
import { execa } from "execa";
import { expect, test } from "vitest";
import { campaignSize } from "../../support/campaign.ts";
import { directoryEntry, imageOf, memoryLayer, zerosEntry } from "../../support/memory-image.ts";
import { repository } from "../../support/repository.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MiB = 1024 * 1024;
const path = `/nix/store/${"0".repeat(32)}-large`;
/** No store is asked: there is none in this place. */
const environment = { NIX_STORE_DIR: "/nowhere/store" };

/** An archive with a store path of one file of zeros, which are holes on the disk. */
async function makeImage(size: number): Promise<string> {
  const file = join(temporaryFolder(), "image.tar");
  const parents = ["/nix", "/nix/store"].map((name) => directoryEntry(name, 0o755));
  await archiveSink(file).write(imageOf([memoryLayer([...parents, zerosEntry(path, size)])]));
  return file;
}

const program = `
import { verify } from "@stowage/core";
const { images } = await verify({ image: process.argv[1], environment: ${JSON.stringify(environment)} });
const { narSize } = images[0].storePaths[0];
console.log(JSON.stringify({ narSize, memory: process.resourceUsage().maxRSS / 1024 }));
`;

async function measure(size: number): Promise<number> {
  const image = await makeImage(size);
  const words = ["--conditions=@stowage/source", "--input-type=module", "-e", program, image];
  const { stdout } = await execa(process.execPath, words, { cwd: join(repository, "test") });
  const { narSize, memory } = JSON.parse(stdout) as { narSize: number; memory: number };
  expect(narSize).toBeGreaterThan(size);
  expect(statSync(image).blocks * 512).toBeLessThan(MiB);
  return memory;
}

test("memory does not grow with a layer", { timeout: 600_000 }, async () => {
  const small = await measure(1024);
  const large = await measure(campaignSize({ ci: 512, long: 10 * 1024 }) * MiB);
  expect(large - small).toBeLessThan(64);
});

test("an abort is heard in the middle of a layer", async () => {
  const image = await makeImage(512 * MiB);
  const controller = new AbortController();
  let read = 0;
  const verifying = verify({
    image,
    environment,
    signal: controller.signal,
    onProgress: (progress) => {
      ({ read } = progress);
      controller.abort(new Error("stop"));
    },
  });
  await expect(verifying).rejects.toThrow("stop");
  expect(read).toBeLessThan(8 * MiB);
});
