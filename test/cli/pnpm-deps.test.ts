import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository } from "../support/repository.ts";

/** The script takes a long way to the network only where the lockfile has changed; whether that was done is seen here. */
test("packages/cli/nix/pnpm-deps.json is about the packages of pnpm-lock.yaml; otherwise run test/world/prepare and commit it", () => {
  const script = join(repository, "test/world/runtime-packages.mjs");
  const listed = execFileSync(process.execPath, [script], { encoding: "utf8" });
  for (const name of ["commander@", "undici@", "p-limit@", "unbzip2-stream@", "buffer@"])
    expect(listed).toContain(name);
  expect(listed).not.toContain("vitest");
  const recorded = JSON.parse(
    readFileSync(join(repository, "packages/cli/nix/pnpm-deps.json"), "utf8"),
  ) as Record<string, string>;
  expect(recorded["hash"]).toMatch(/^sha256-/);
  expect(recorded["packages"]).toBe(createHash("sha256").update(listed).digest("hex"));
});
