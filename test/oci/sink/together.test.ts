import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { archiveSink, digestOf, dockerArchiveSink, layoutSink } from "@stowage/oci";
import { fromSource } from "../../support/from-source.ts";
import { campaignSize, seededRandom } from "../../support/campaign.ts";
import { imageOf, layerOf } from "../../support/memory-image.ts";
import { readLayoutNames } from "../../support/read-layout.ts";
import { expectSound } from "../../support/sound-image.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A process of its own that adds images to a layout. */
class Writer {
  readonly #child;
  readonly #ended: Promise<unknown>;
  #said = "";

  constructor(place: string, name: string, times: number) {
    const script = join(import.meta.dirname, "layout-writer.ts");
    const words = [...fromSource, script, place, name, `${times}`];
    this.#child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
    this.#child.stdout.on("data", (chunk: Buffer) => (this.#said += chunk.toString()));
    this.#ended = once(this.#child, "close");
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  /** The images that it said are there. */
  async images(): Promise<string[]> {
    await this.#ended;
    return this.#said.split("\n").slice(0, -1);
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

const checkedNames = (place: string): string[] => [...readLayoutNames(place).keys()];

/** Everything below a folder that is no part of a layout. */
function leftIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /(^|\/)\.|\.(tmp|lock)/.test(name),
  );
}

const full = (image: string): string => `docker.io/library/${image}`;

/** The word that names this process in what it leaves for a while: `where-pid-start`. */
async function ownMark(): Promise<string> {
  const folder = temporaryFolder();
  const controller = new AbortController();
  const slow = imageOf([layerOf("slow", "x", 60_000)]);
  const writing = archiveSink(join(folder, "image")).write(slow, { signal: controller.signal });
  while (readdirSync(folder).length === 0) await sleep(5);
  const mark = readdirSync(folder)[0]?.split(".")[2] ?? "";
  controller.abort(new Error("stop"));
  await expect(writing).rejects.toThrow("stop");
  return mark;
}

describe("several processes and one layout", () => {
  test.each([
    ["that is there", true],
    ["that none of them finds there", false],
  ])("%s: no image is lost", async (_, exists) => {
    for (let round = 0; round < campaignSize({ ci: exists ? 1 : 3, long: 5 }); round++) {
      const folder = temporaryFolder();
      const place = join(folder, "layout");
      if (exists) await layoutSink(place).write(imageOf([layerOf("a", "one")], "first:1"));
      const times = campaignSize({ ci: exists ? 10 : 2, long: 40 });
      const writers = Array.from({ length: 5 }, (__, index) => new Writer(place, `w${index}`, times));
      const said = (await Promise.all(writers.map((writer) => writer.images()))).flat();
      expect(writers.map((writer) => writer.exitCode)).toEqual([0, 0, 0, 0, 0]);
      expect(said).toHaveLength(5 * times);
      expect(checkedNames(place).toSorted()).toEqual(
        [...(exists ? ["first:1"] : []), ...said].map(full).toSorted(),
      );
      expect(leftIn(folder)).toEqual([]);
    }
  });

  test("of which some are killed: what was said to be there is, and the next leaves nothing of them", async () => {
    const folder = temporaryFolder();
    const place = join(folder, "layout");
    const random = seededRandom(7);
    const said: string[] = [];
    const living = new Writer(place, "living", campaignSize({ ci: 40, long: 1000 }));
    for (let round = 0; round < campaignSize({ ci: 5, long: 100 }); round++) {
      const killed = ["a", "b"].map((name) => new Writer(place, `${name}${round}`, 1000));
      await sleep(300 + random() * 300);
      await Promise.all(killed.map((writer) => writer.kill()));
      for (const writer of killed) said.push(...(await writer.images()));
    }
    said.push(...(await living.images()));
    expect(living.exitCode).toBe(0);
    await layoutSink(place).write(imageOf([layerOf("a", "one")], "last:1"));
    expect(checkedNames(place)).toEqual(expect.arrayContaining([...said, "last:1"].map(full)));
    expect(leftIn(folder)).toEqual([]);
  });
});

describe("a lock", () => {
  async function makeLayout(): Promise<{ place: string; lock: string; mark: string }> {
    const place = join(temporaryFolder(), "layout");
    await layoutSink(place).write(imageOf([layerOf("a", "one")], "first:1"));
    return { place, lock: join(place, ".index.json.lock"), mark: await ownMark() };
  }

  const second = imageOf([layerOf("a", "two")], "second:1");

  test("of a process that lives is waited for; a signal ends that, and nothing is added", async () => {
    const { place, lock, mark } = await makeLayout();
    symlinkSync(`${mark}.0123`, lock);
    const before = readdirSync(place, { recursive: true, encoding: "utf8" }).toSorted();
    const controller = new AbortController();
    const waiting = layoutSink(place).write(second, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("stop")), 200);
    await expect(waiting).rejects.toThrow("stop");
    expect(readdirSync(place, { recursive: true, encoding: "utf8" }).toSorted()).toEqual(before);
    const patient = layoutSink(place).write(second);
    setTimeout(() => unlinkSync(lock), 200);
    await patient;
    expect(checkedNames(place)).toEqual(["first:1", "second:1"].map(full));
  });

  test.each<[string, (mark: string) => string[]]>([
    ["that was killed", (mark) => [`${mark.slice(0, 8)}-4194305-1.0123`]],
    ["that had this one's number before", (mark) => [`${mark}1.0123`]],
    ["and of another that took it over, both killed", (mark) => [`${mark}1.01`, `${mark}2.02`]],
    ["of another machine, a minute ago", () => ["01234567-1-1.0123"]],
  ])("of a process %s is taken over by many at once, and gone", async (_, owners) => {
    const { place, lock, mark } = await makeLayout();
    let link = lock;
    for (const owner of owners(mark)) {
      symlinkSync(owner, link);
      lutimesSync(link, 0, 0);
      link = `${lock}.${digestOf(Buffer.from(owner)).slice(7, 23)}`;
    }
    symlinkSync(`${mark}3.03`, `${lock}.astray`);
    const images = Array.from({ length: 12 }, (__, index) => `image-${index}:1`);
    await Promise.all(images.map((image) => layoutSink(place).write(imageOf([layerOf("a", image)], image))));
    expect(checkedNames(place).toSorted()).toEqual(["first:1", ...images].map(full).toSorted());
    expect(leftIn(place)).toEqual([]);
    await expectSound(place);
  });
});

describe("what a killed process left", () => {
  test.each([
    ["archive", archiveSink],
    ["docker-archive", dockerArchiveSink],
    ["oci-dir", layoutSink],
  ])("under a temporary name is removed by the next %s, what others have is not", async (_, open) => {
    const folder = temporaryFolder();
    const mark = await ownMark();
    const random = "0123456789abcdef";
    const dead = [`.image.${mark}1.${random}.tmp`, `.image.01234567-1-1.${random}.tmp`];
    const others = [
      `.image.${mark}.${random}.tmp`,
      `.image.76543210-1-1.${random}.tmp`,
      `.image2.${mark}1.${random}.tmp`,
      ".image.tmp",
      `.image.${mark}1.tmp`,
    ];
    for (const name of others) writeFileSync(join(folder, name), "mine");
    for (const name of dead) {
      mkdirSync(join(folder, name, "blobs"), { recursive: true });
      utimesSync(join(folder, name), 0, 0);
    }
    await open(join(folder, "image")).write(imageOf([layerOf("a", "x")]));
    await expectSound(join(folder, "image"));
    expect(readdirSync(folder).toSorted()).toEqual([...others, "image"].toSorted());
  });
});

test("several archives at one place: one of them, whole, and nothing else", async () => {
  const folder = temporaryFolder();
  const place = join(folder, "image.tar");
  const written = await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const alone = join(temporaryFolder(), "image.tar");
      await archiveSink(alone).write(imageOf([layerOf("a", `${index}`)]));
      await archiveSink(place).write(imageOf([layerOf("a", `${index}`, index)]));
      return digestOf(readFileSync(alone));
    }),
  );
  expect(written).toContain(digestOf(readFileSync(place)));
  expect(readdirSync(folder)).toEqual(["image.tar"]);
});
