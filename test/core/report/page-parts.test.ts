import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bundlePage, pagePartsFile } from "../../../packages/core/page/bundle.ts";

test("the page's parts are what its sources make", async () => {
  const made = await bundlePage();
  expect(made === readFileSync(pagePartsFile, "utf8"), "write them anew: pnpm run bundle:page").toBe(true);
  expect(made).toContain("Permission to use, copy, modify");
});
