import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Writable } from "node:stream";
import { report } from "@stowage/core";
import { execa } from "execa";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReportData } from "../../packages/core/src/report/report-data.ts";
import { openFile, startBrowser } from "../support/browser.ts";
import { registrationOf } from "../support/closure-files.ts";
import { desktopClosure } from "../support/desktop-closure.ts";
import { forgeFiles, toArchive } from "../support/forge-image.ts";
import { storePathOf } from "../support/graphs.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { node22, requireNode22 } from "../support/nodes.ts";
import { requirePrograms } from "../support/programs.ts";
import { readReportData } from "../support/report-page.ts";
import { repository } from "../support/repository.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { smallStoreImage } from "../support/small-store-image.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { removeFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("chromium");
const MiB = 1 << 20;

const before = registrationOf(
  {
    "app-1.0": ["python-3.11", "curl-8"],
    "python-3.11": ["openssl-3.0"],
    "curl-8": ["openssl-1.1"],
    "openssl-3.0": [],
    "openssl-1.1": ["legacy-1"],
    "legacy-1": [],
    "gone-1": [],
  },
  {
    "app-1.0": MiB,
    "python-3.11": 30 * MiB,
    "curl-8": 2 * MiB,
    "openssl-3.0": 6 * MiB,
    "openssl-1.1": 5 * MiB,
    "legacy-1": MiB,
    "gone-1": 9 * MiB,
  },
);
const after = registrationOf(
  {
    "app-1.1": ["python-3.12", "curl-8"],
    "python-3.12": ["openssl-3.0"],
    "curl-8": ["openssl-1.1", "openssl-3.0"],
    "openssl-3.0": [],
    "openssl-1.1": ["legacy-1"],
    "legacy-1": [],
  },
  {
    "app-1.1": MiB,
    "python-3.12": 40 * MiB,
    "curl-8": 2 * MiB,
    "openssl-3.0": 6 * MiB,
    "openssl-1.1": 5 * MiB,
    "legacy-1": MiB,
  },
);

describe.skipIf(!ready)("a report in a browser", () => {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), "stowage-report-"));
  const file = (name: string): string => join(folder, name);
  const write = async (...words: string[]): Promise<void> => {
    const { exitCode, stderr } = await stowage(["report", "-q", ...words], { cwd: folder });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  };
  beforeAll(async () => {
    writeFileSync(file("before.txt"), before);
    writeFileSync(file("after.txt"), after);
    writeFileSync(file("desktop.txt"), desktopClosure(3000));
    const plan = await stowage(["plan", "--graph", "before.txt", "--layering", "per-path", "--json"], {
      cwd: folder,
    });
    writeFileSync(file("plan.json"), plan.stdout);
    await write("--graph", "after.txt", "--previous", "plan.json", "-o", "app.html");
    await write("--graph", "desktop.txt", "-o", "desktop.html");
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    removeFolder(folder);
  });

  /** Opens a report, does something with it, and holds that it asked for nothing and complained of nothing. */
  async function look(
    name: string,
    act: (page: Page) => Promise<void>,
    options?: BrowserContextOptions,
  ): Promise<void> {
    const { page, complaints } = await openFile(browser, file(name), options);
    await act(page);
    expect(complaints).toEqual([]);
  }
  const box = (page: Page, name: string): Locator => page.locator(`.tile[aria-label^="${name}"]`);
  const tab = (page: Page, name: string): Promise<void> => page.getByRole("tab", { name }).click();
  const details = (page: Page): Locator => page.getByRole("complementary", { name: "Details" });
  const area = async (locator: Locator): Promise<number> => {
    const { width = 0, height = 0 } = (await locator.boundingBox()) ?? {};
    return width * height;
  };
  const search = (page: Page): Locator => page.getByRole("searchbox");
  const count = (page: Page): Promise<number> => page.locator(".tile").count();

  test("hover says sizes and the share of the parent; a click says why it is there and what depends on it", () =>
    look("app.html", async (page) => {
      await box(page, "openssl 3.0,").hover();
      const tooltip = page.getByRole("tooltip");
      await expect.poll(() => tooltip.textContent()).toContain("openssl 3.0");
      const text = (await tooltip.textContent()) ?? "";
      expect(text).toContain("6.0\u00a0MiB NAR");
      // 6 of the 11 MiB of both copies, 6 of 55 MiB in all.
      expect(text).toContain("54.5\u00a0% of openssl");
      expect(text).toContain("10.9\u00a0% of all that is shown");
      await box(page, "openssl 3.0,").click();
      const said = details(page);
      await expect.poll(() => said.getByRole("heading", { level: 2 }).textContent()).toBe("openssl");
      expect(await said.textContent()).toContain(storePathOf("openssl-3.0"));
      const chains = await said.locator(".chain").allTextContents();
      expect(chains.toSorted()).toEqual(["app 1.1curl 8openssl 3.0", "app 1.1python 3.12openssl 3.0"]);
      expect(await said.textContent()).toContain("Needed by2");
      // A step of a chain leads on.
      await said.locator(".chain").getByRole("button", { name: "curl 8" }).first().click();
      await expect.poll(() => said.getByRole("heading", { level: 2 }).textContent()).toBe("curl");
      expect(await box(page, "curl 8,").getAttribute("aria-pressed")).toBe("true");
    }));

  test("areas follow the size that is chosen, and boxes the grouping", () =>
    look("app.html", async (page) => {
      const ratio = async (one: string, other: string): Promise<number> =>
        (await area(box(page, one).first())) / (await area(box(page, other).first()));
      expect(await ratio("python 3.12,", "curl 8,")).toBeGreaterThan(15);
      await page.getByRole("radio", { name: "Added size" }).check();
      // By added size curl is 8 MiB: with the old openssl, and what only that needs.
      await expect.poll(() => ratio("python 3.12,", "curl 8,")).toBeLessThan(6);
      const inside = await box(page, "legacy 1,").boundingBox();
      const around = await box(page, "curl 8,").boundingBox();
      if (inside === null || around === null) throw new Error("no such boxes");
      expect(inside.x).toBeGreaterThanOrEqual(around.x);
      expect(inside.y + inside.height).toBeLessThanOrEqual(around.y + around.height);
      await page.getByRole("radio", { name: "Layer" }).check();
      await expect.poll(() => page.locator(".tile.layer").count()).toBe(6);
      await page.getByRole("radio", { name: "NAR size" }).check();
      await page.getByRole("radio", { name: "Package" }).first().check();
      await expect.poll(() => page.locator(".tile.layer").count()).toBe(0);
    }));

  test("search marks what is found, in the map and in the table, and can be looked at alone", () =>
    look("app.html", async (page) => {
      await search(page).fill("openssl");
      await expect.poll(() => page.locator(".tile.hit").count()).toBe(2);
      expect(await page.locator(".found").textContent()).toBe("2\u00a0paths, 11.0\u00a0MiB");
      expect(await box(page, "python 3.12,").getAttribute("class")).toContain("off");
      await tab(page, "Table");
      await expect.poll(() => page.locator("table.paths tbody tr").count()).toBe(2);
      await tab(page, "Map");
      await page.getByRole("button", { name: "Isolate matches" }).click();
      await expect.poll(() => page.locator(".tile.leaf").count()).toBe(2);
      expect(await search(page).inputValue()).toBe("");
      await page.getByRole("button", { name: /^Show the rest again/ }).click();
      await expect.poll(() => page.locator(".tile.leaf").count()).toBe(6);
      await search(page).fill("no such thing");
      await expect.poll(() => page.locator(".found").textContent()).toBe("nothing found");
      await tab(page, "Table");
      await expect.poll(() => page.locator(".table-count").textContent()).toBe("No path matches.");
    }));

  test("hiding and isolating; everything hidden is said, and comes back", () =>
    look("app.html", async (page) => {
      const large = await area(box(page, "curl 8,"));
      await box(page, "python 3.12,").click();
      await details(page).getByRole("button", { name: "Hide", exact: true }).click();
      await expect.poll(() => box(page, "python 3.12,").count()).toBe(0);
      expect(await area(box(page, "curl 8,"))).toBeGreaterThan(3 * large);
      await expect
        .poll(() => page.locator(".chip").textContent())
        .toContain("1\u00a0path hidden, 40.0\u00a0MiB");
      await box(page, "curl 8,").click();
      await details(page).getByRole("button", { name: "Isolate what it needs" }).click();
      await expect.poll(() => page.locator(".tile.leaf").count()).toBe(4);
      expect(await page.locator(".chip").count()).toBe(2);
      await page.getByRole("button", { name: /^Show what is hidden/ }).click();
      await page.getByRole("button", { name: /^Show the rest again/ }).click();
      await expect.poll(() => page.locator(".tile.leaf").count()).toBe(6);
      await box(page, "app 1.1,").click();
      await details(page).getByRole("button", { name: "Hide with what only it needs" }).click();
      await page.getByText("Everything is hidden.").waitFor();
      await page.getByRole("button", { name: "Show all" }).click();
      await expect.poll(() => page.locator(".tile.leaf").count()).toBe(6);
    }));

  test("by keyboard alone", () =>
    look("app.html", async (page) => {
      const { keyboard } = page;
      const focused = (): Promise<string | null> =>
        page.evaluate(
          () =>
            document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? null,
        );
      await keyboard.press("Tab");
      expect(await focused()).toBe("Map");
      await keyboard.press("ArrowRight");
      expect(await focused()).toBe("Table");
      await page.locator("table.paths").waitFor();
      await keyboard.press("ArrowLeft");
      // Search, its choices, and the map's one place in the order of tabs.
      await keyboard.press("/");
      expect(await focused()).toBe("Search packages and paths");
      for (let step = 0; step < 6 && !(await focused())?.startsWith("python"); step++)
        await keyboard.press("Tab");
      expect(await focused()).toContain("python 3.12, 40.0\u00a0MiB NAR");
      await page.getByRole("tooltip").waitFor();
      await keyboard.press("ArrowRight");
      const next = await focused();
      expect(next).not.toContain("python");
      await keyboard.press("ArrowLeft");
      expect(await focused()).toContain("python 3.12");
      await keyboard.press("Enter");
      await expect.poll(() => details(page).getByRole("heading", { level: 2 }).textContent()).toBe("python");
      // Into the details, on by a chain, and back to the map.
      for (let step = 0; step < 12 && (await focused()) !== "app 1.1"; step++) await keyboard.press("Tab");
      await keyboard.press("Enter");
      await expect.poll(() => focused()).toBe("app");
      await keyboard.press("Escape");
      await expect.poll(() => focused()).toContain("python 3.12, ");
      await keyboard.press("Enter");
      await keyboard.press("i");
      await expect.poll(() => page.locator(".tile.leaf").count()).toBe(2);
      // Selection, then isolation are taken back.
      await keyboard.press("Escape");
      await expect
        .poll(() => details(page).getByRole("heading", { level: 2 }).textContent())
        .toBe("What costs most");
      await keyboard.press("Escape");
      await expect.poll(() => page.locator(".tile.leaf").count()).toBe(6);
      await keyboard.press("h");
      await expect.poll(() => page.locator(".tile.leaf").count()).toBeLessThan(6);
    }));

  test("the table sorts by each column, and says how", () =>
    look("app.html", async (page) => {
      await tab(page, "Table");
      const first = (): Promise<string | null> =>
        page.locator("table.paths tbody tr td.name").first().textContent();
      const sorted = (name: string): Promise<string | null> =>
        page.locator(`th.${name}`).getAttribute("aria-sort");
      expect(await sorted("added")).toBe("descending");
      expect(await first()).toBe("app1.1root");
      await page.getByRole("button", { name: "NAR", exact: true }).click();
      expect(await first()).toBe("python3.12");
      await page.getByRole("button", { name: "NAR", exact: true }).press("Enter");
      expect(await sorted("nar")).toBe("ascending");
      expect(await first()).toBe("app1.1root");
      await page.getByRole("button", { name: "Needed by" }).click();
      expect(await first()).toBe("openssl3.0");
      await page.locator("table.paths tbody").getByRole("button", { name: "legacy" }).click();
      await expect.poll(() => details(page).getByRole("heading", { level: 2 }).textContent()).toBe("legacy");
    }));

  test("duplicates, layers with what an upgrade sends, and the difference", () =>
    look("app.html", async (page) => {
      await tab(page, "Duplicates");
      await page.locator("summary", { hasText: "openssl" }).click();
      const copies = await page.locator(".item[open] .chain").allTextContents();
      expect(copies).toContain("app 1.1curl 8openssl 1.1");
      expect(await page.locator(".item[open]").textContent()).toContain("saves 6.0\u00a0MiB");
      await tab(page, "Layers");
      expect(await page.locator(".upgrade").textContent()).toContain("41.0\u00a0MiB in 2 of 6\u00a0layers");
      expect(await page.locator("table.layers .badge.sent").count()).toBe(2);
      expect(await page.locator("table.causes tbody tr").allTextContents()).toEqual([
        expect.stringContaining("python"),
        expect.stringContaining("app"),
      ]);
      await tab(page, "Diff");
      const items = await page.locator("#panel-diff .item").allTextContents();
      expect(items).toHaveLength(3);
      expect(items[0]).toContain("python3.11 \u2192 3.12changed+10.0\u00a0MiB");
      expect(items[1]).toContain("gone1removed\u22129.0\u00a0MiB");
      await tab(page, "Map");
      await page.getByRole("radio", { name: "Changes" }).check();
      const colour = (name: string): Promise<string> =>
        box(page, name).evaluate((tile) => getComputedStyle(tile).backgroundColor);
      await expect.poll(() => colour("python 3.12,")).not.toBe(await colour("legacy 1,"));
      expect(await colour("curl 8,")).toBe(await colour("legacy 1,"));
      expect(await page.locator(".legend").isVisible()).toBe(true);
      await page.getByRole("radio", { name: "Layer" }).check();
      await expect.poll(() => page.locator(".tile.layer.sent").count()).toBe(2);
      expect(await page.locator(".tile.layer.sent").first().getAttribute("aria-label")).toContain(
        "sent by an upgrade",
      );
      // The address leads to a part.
      expect(new URL(page.url()).hash).toBe("#map");
      await page.goto(`${page.url().split("#")[0]}#layers`);
      await page.locator(".upgrade").waitFor();
    }));

  test.each(["light", "dark"] as const)("in %s each text has contrast to what it stands on", (colorScheme) =>
    look(
      "app.html",
      async (page) => {
        await box(page, "curl 8,").click();
        for (const name of ["Map", "Table", "Duplicates", "Layers", "Diff"]) {
          await tab(page, name);
          const poor = await page.evaluate(findPoorContrast);
          expect({ name, poor }).toEqual({ name, poor: [] });
        }
        const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const [lightness = 0] = /[\d.]+/.exec(ground.replace("oklch", ""))?.map(Number) ?? [];
        expect(lightness > 0.5).toBe(colorScheme === "light");
      },
      { colorScheme },
    ),
  );

  test("on a phone nothing is wider than the screen, and details open and close over it", () =>
    look(
      "app.html",
      async (page) => {
        for (const name of ["Table", "Duplicates", "Layers", "Diff", "Map"]) {
          await page.getByRole("tab", { name }).tap();
          const width = await page.evaluate(() => document.documentElement.scrollWidth);
          expect({ name, width }).toEqual({ name, width: 360 });
        }
        expect(await details(page).isVisible()).toBe(false);
        await box(page, "python 3.12,").tap();
        await details(page).waitFor();
        const { y = 0, height = 0 } = (await details(page).boundingBox()) ?? {};
        expect(Math.round(y + height)).toBe(700);
        expect(height).toBeGreaterThan(300);
        await page.getByRole("button", { name: "Close details" }).tap();
        await expect.poll(() => details(page).isVisible()).toBe(false);
      },
      { viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true },
    ));

  test("printed it is light, fits the sheet with all colours, and has every row of the table", async () => {
    const onPaper = { colorScheme: "dark", viewport: { width: 1280, height: 800 } } as const;
    await look(
      "app.html",
      async (page) => {
        await box(page, "python 3.12,").click();
        // The sheet is narrower than the window that the map was laid out for, and no script is asked.
        await page.emulateMedia({ media: "print" });
        await page.setViewportSize({ width: 718, height: 1000 });
        const frame = await page.locator(".map").boundingBox();
        const right = (await box(page, "openssl 3.0,").boundingBox()) ?? { x: 0, width: 0 };
        expect(right.x + right.width).toBeLessThanOrEqual((frame?.x ?? 0) + (frame?.width ?? 0) + 1);
        expect(await page.locator("body").evaluate((body) => getComputedStyle(body).backgroundColor)).toBe(
          "rgb(255, 255, 255)",
        );
        expect(await search(page).isVisible()).toBe(false);
        const below = (await details(page).boundingBox()) ?? { y: 0, height: 0 };
        expect(below.y).toBeGreaterThan((frame?.y ?? 0) + (frame?.height ?? 0) - 1);
        expect(below.height).toBeGreaterThan(200);
      },
      onPaper,
    );
    await look("desktop.html", async (page) => {
      await tab(page, "Table");
      expect(await page.locator(".paths tbody tr").count()).toBeLessThan(3000);
      await page.pdf({ pageRanges: "1" });
      expect(await page.locator(".paths tbody tr").count()).toBe(3000);
    });
  });

  test("3,000 paths: drawn, switched, searched, sorted; rows are made as they are scrolled to", () =>
    look("desktop.html", async (page) => {
      // Roles and names of thousands of boxes take a test far longer than a reader.
      await expect.poll(() => count(page)).toBeGreaterThan(500);
      await page.locator("input[value=added]").check();
      await page.locator("input[value=layer]").check();
      await page.locator("input[value=nar]").check();
      expect(await count(page)).toBeGreaterThan(500);
      await page.setViewportSize({ width: 900, height: 600 });
      const frame = await page.locator(".map").boundingBox();
      await expect
        .poll(() =>
          page
            .locator(".tile")
            .evaluateAll((tiles) => Math.max(...tiles.map((tile) => tile.getBoundingClientRect().right))),
        )
        .toBeLessThanOrEqual((frame?.x ?? 0) + (frame?.width ?? 0) + 1);
      await page.locator("input[type=search]").fill("python");
      await expect.poll(() => page.locator(".tile.hit").count()).toBeGreaterThan(3);
      await page.locator("input[type=search]").fill("");
      await page.locator("#tab-table").click();
      const rows = page.locator("table.paths tbody tr");
      expect(await rows.count()).toBeLessThan(1000);
      expect(await page.locator(".table-count").textContent()).toMatch(/^3,000\u00a0paths, /);
      // At the new end again before the page has drawn it, as a held End key does on a slow machine, until all are there.
      await page.evaluate(() => {
        const body = document.querySelector<HTMLTableSectionElement>("table.paths tbody")!;
        const toEnd = (): void => scrollTo(0, document.body.scrollHeight);
        const observer = new MutationObserver(() => {
          if (body.rows.length === 3000) observer.disconnect();
          toEnd();
        });
        observer.observe(body, { childList: true });
        toEnd();
      });
      await expect.poll(() => rows.count(), { timeout: 60_000 }).toBe(3000);
      await page.locator("th.nar button").click();
      expect(await rows.count()).toBeLessThan(1000);
    }));

  test("names from outside are text, whatever they say", async () => {
    const evil = `</script><img src=x onerror="alert(1)"><script>alert(2)</script><!--`;
    const { layers, options } = smallStoreImage([
      { baseName: `${"0".repeat(31)}1-hello-1`, files: { "bin/hello": "hello" } },
    ]);
    const files = forgeFiles(layers, {
      config: (config) => {
        const text = JSON.stringify(options.config?.(config));
        return JSON.parse(
          text.replaceAll(
            String.raw`\"/nix/store\"`,
            JSON.stringify(JSON.stringify(`/nix${evil}`)).slice(1, -1),
          ),
        ) as unknown;
      },
      index: (index) => ({
        ...index,
        manifests: (index["manifests"] as object[]).map((entry) => ({
          ...entry,
          annotations: { "io.containerd.image.name": evil, "org.opencontainers.image.ref.name": evil },
        })),
      }),
    });
    const name = `<svg onload=alert(3)>&amp;`;
    writeFileSync(file(name), toArchive(files));
    await write(name, "--previous", name, "-o", "evil.html");
    await look("evil.html", async (page) => {
      expect(await page.title()).toContain("onerror");
      expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe(evil);
      await box(page, "hello 1,").click();
      expect(await details(page).locator(".store-path").textContent()).toBe(
        `/nix${evil}/${"0".repeat(31)}1-hello-1`,
      );
      for (const part of ["Table", "Layers", "Diff", "Map"]) await tab(page, part);
      expect(await page.locator(".upgrade strong").textContent()).toBe(name);
      expect(await page.locator("img, svg").count()).toBe(0);
      // Two scripts: the data, and the page's own; whatever else were in it would not run.
      expect(await page.locator("script").count()).toBe(2);
      const policy = await page.locator("meta[http-equiv]").getAttribute("content");
      expect(policy).toMatch(
        /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; img-src data:; base-uri 'none'; form-action 'none'$/,
      );
    });
  });

  test("the policy keeps out what is not the page's own", async () => {
    const { page } = await openFile(browser, file("app.html"));
    const ran = await page.evaluate(async () => {
      const script = document.createElement("script");
      script.textContent = "window.owned = true";
      document.body.append(script);
      const asked = await fetch("http://127.0.0.1:9/").then(
        () => true,
        () => false,
      );
      return { owned: "owned" in window, asked };
    });
    expect(ran).toEqual({ owned: false, asked: false });
  });
});

describe.skipIf(!requirePrograms("nix-store"))("a report of an image, and its bytes", () => {
  let small: SmallClosure;
  const folder = mkdtempSync(join(tmpdir(), "stowage-report-"));
  beforeAll(() => {
    small = makeSmallClosure();
  });
  afterAll(() => {
    small[Symbol.dispose]();
    removeFolder(folder);
  });
  const file = (name: string): string => join(folder, name);
  const dataOf = (name: string): ReportData => readReportData(readFileSync(file(name), "utf8"));

  test("has the image's own layers; an upgrade finds those that the previous image has", async () => {
    const [first = "", ...others] = small.paths;
    const options = ["--store", small.url, "--platform", "linux/amd64", "--layering", "per-path"];
    const pack = (name: string, ...paths: string[]): ReturnType<typeof stowage> =>
      stowage(["-q", "pack", ...options, ...paths, "-o", name], { cwd: folder });
    await pack("old.tar", ...others);
    await pack("new.tar", first, ...others);
    const { stderr, exitCode } = await stowage(
      ["report", "new.tar", "--previous", "old.tar", "-o", "image.html"],
      { cwd: folder },
    );
    expect({ stderr, exitCode }).toEqual({
      stderr: expect.stringMatching(/^wrote a report of 5 store paths to image\.html: /) as string,
      exitCode: 0,
    });
    const { subject, layers, paths, diff } = dataOf("image.html");
    expect(subject).toMatchObject({
      kind: "image",
      name: "thing:latest",
      digest: expect.stringMatching(/^sha256:/) as string,
    });
    expect(layers).toMatchObject({ kind: "image", sizes: "stored", others: { layers: 1 } });
    expect(layers.list.map(({ kept }) => kept).filter((kept) => kept !== true)).toEqual([false]);
    expect(layers.list.every(({ size, narSize }) => size > narSize && size % 512 === 0)).toBe(true);
    const sent = layers.list.findIndex(({ kept }) => kept === false);
    expect(paths.base.filter((_, position) => paths.layer[position] === sent)).toEqual([basename(first)]);
    expect(layers.upgrade).toMatchObject({ sentLayers: 1, keptLayers: 4, draggedNarSize: 0 });
    expect(diff?.packages).toMatchObject([{ name: "thing", kind: "added" }]);
    const refused = await stowage(["report", "new.tar", "--layering", "single", "-o", "x.html"], {
      cwd: folder,
    });
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("an image has its layers");
  });

  test("the same bytes from source, built, with another Node, in another place", async () => {
    const words = ["-q", "report", "--store", small.url, ...small.paths, "-o", "-"];
    const run = async (command: readonly string[], env: NodeJS.ProcessEnv): Promise<string> => {
      const [program = "", ...rest] = command;
      return (await execa(program, [...rest, ...words], { env: { ...nixEnvironment, ...env }, cwd: folder }))
        .stdout;
    };
    const built = join(repository, "packages/cli/dist/main.js");
    await execa("tsc", ["-b", "packages/cli"], { cwd: repository });
    const page = await run(stowageWords, {});
    expect(readReportData(page).paths.base).toHaveLength(5);
    const away = { TZ: "Pacific/Kiritimati", LC_ALL: "tr_TR.UTF-8", XDG_CACHE_HOME: file("cache") };
    expect((await run([process.execPath, built], away)) === page).toBe(true);
    if (requireNode22()) expect((await run([node22, built], { SOURCE_DATE_EPOCH: "1" })) === page).toBe(true);
  });

  test("from a build script: to a stream, and given up", async () => {
    const chunks: Buffer[] = [];
    const output = new Writable({
      write: (chunk: Buffer, _, done) => {
        chunks.push(chunk);
        done();
      },
    });
    const options = { targets: small.paths, store: small.url, environment: nixEnvironment };
    const { size, paths } = await report({ ...options, output });
    const page = Buffer.concat(chunks);
    expect({ size, paths, ended: output.writableFinished }).toEqual({
      size: page.length,
      paths: 5,
      ended: true,
    });
    expect(readReportData(page.toString()).roots).toHaveLength(5);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(report({ ...options, output: file("given-up.html"), signal })).rejects.toThrow("enough");
    expect(readdirSync(folder).filter((name) => name.includes("given-up"))).toEqual([]);
  });
});

/** Runs in the page: visible texts whose contrast to the nearest ground is below 4.5 to 1 (WCAG 2.2, 1.4.3). */
function findPoorContrast(): string[] {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (canvas === null) throw new Error("no canvas");
  const read = (colour: string): [number, number, number, number] => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, alpha = 0] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha];
  };
  const luminance = ([red, green, blue]: readonly number[]): number => {
    const [r = 0, g = 0, b = 0] = [red, green, blue].map((value = 0) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element: Element | null): readonly number[] => {
    for (let each = element; each !== null; each = each.parentElement) {
      const ground = read(getComputedStyle(each).backgroundColor);
      if (ground[3] === 255) return ground;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const poor: string[] = [];
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (parent === null || node.textContent?.trim() === "" || !parent.checkVisibility()) continue;
    const [one, other] = [luminance(read(getComputedStyle(parent).color)), luminance(groundOf(parent))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) poor.push(`${contrast.toFixed(2)} ${parent.className} ${node.textContent?.trim()}`);
  }
  return poor;
}
