import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pack, type PackOptions, type PackResult } from "@stowage/core";
import { describe, expect, onTestFinished, test } from "vitest";
import { makeChrootStore, type ChrootStore } from "../../support/chroot-store.ts";
import { nixEnvironment } from "../../support/nix-environment.ts";
import { requirePrograms } from "../../support/programs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const ready = requirePrograms("nix-store");
const MIB = 2 ** 20;

/** Packs, and says how many threads were started meanwhile. */
async function packCounting(
  store: ChrootStore,
  options: Partial<PackOptions>,
): Promise<{ readonly result: PackResult; readonly threads: number }> {
  let threads = 0;
  const count = (): void => void threads++;
  subscribe("worker_threads", count);
  onTestFinished(() => void unsubscribe("worker_threads", count));
  const folder = temporaryFolder();
  const result = await pack({
    targets: store.paths,
    store: store.url,
    platform: "linux/amd64",
    layering: "per-path",
    format: "oci-dir",
    output: join(folder, "image"),
    environment: { ...nixEnvironment, XDG_CACHE_HOME: join(folder, "cache") },
    ...options,
  });
  unsubscribe("worker_threads", count);
  return { result, threads };
}

const storeOf = (...mebibytes: readonly number[]): ChrootStore =>
  makeChrootStore(
    mebibytes.map((_, index) => `package${index}`),
    (name) => Buffer.alloc((mebibytes[Number(name.slice("package".length))] as number) * MIB, `${name} `),
  );

describe.skipIf(!ready)("where little is to be read", () => {
  const formats = ["archive", "oci-dir"] as const;

  test.each(formats)("no thread is started for %s, and the bytes are the same", async (format) => {
    const store = storeOf(20, 1, 0, 8);
    const here = await packCounting(store, { format });
    const there = await packCounting(store, { format, jobs: 2 });
    expect([here.threads, there.threads]).toEqual([0, 2]);
    expect(here.result.layers).toEqual(there.result.layers);
    expect(here.result.imageId).toBe(there.result.imageId);
  });

  test("threads are where it is more, in one layer or in several", async () => {
    expect((await packCounting(storeOf(33), {})).threads).toBe(1);
    expect((await packCounting(storeOf(12, 12, 12), {})).threads).toBeGreaterThan(0);
  });

  test("it tells how far it is, and hears in the middle that it is to stop", async () => {
    const store = storeOf(31);
    const controller = new AbortController();
    const folder = temporaryFolder();
    const written: number[] = [];
    const stopped = packCounting(store, {
      output: join(folder, "image"),
      signal: controller.signal,
      onProgress(progress) {
        if (progress.phase !== "write") return;
        written.push(progress.written);
        if (progress.written > 0) controller.abort(new Error("enough"));
      },
    });
    await expect(stopped).rejects.toThrow("enough");
    expect(Math.max(...written)).toBeLessThan(20 * MIB);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("what is corrupted is named", async () => {
    const store = storeOf(1, 1);
    const path = store.paths[1] as string;
    writeFileSync(store.onDisk(path, "bin/more"), "");
    await expect(packCounting(store, {})).rejects.toMatchObject({ code: "path-corrupted", path });
  });
});
