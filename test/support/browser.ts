// Functions that tests hand to a page are of the page's world.
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { pathToFileURL } from "node:url";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { onTestFinished } from "vitest";
import { findProgram } from "./programs.ts";

/** Debian's Chromium, as it is installed; it is started once for a file of tests. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findProgram("chromium"),
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
}

/** A page opened from a file, with what it did that it must not. */
export interface OpenedPage {
  readonly page: Page;
  /** Requests for anything but the file, errors, messages of the console. */
  readonly complaints: readonly string[];
}

/** Opens a file as somebody does who double-clicks it. */
export async function openFile(
  browser: Browser,
  file: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  const { href } = pathToFileURL(file);
  page.on("request", (request) => {
    if (!request.url().startsWith(href)) complaints.push(`request: ${request.url()}`);
  });
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(href);
  return { page, complaints };
}
