import { verify, type VerifyOptions } from "@stowage/core";
import { verifyImage } from "@stowage/oci";
import { expect } from "vitest";
import { nixEnvironment } from "./nix-environment.ts";

/** Expects that our own verify finds nothing wrong with the form of an image. */
export async function expectSound(...paths: readonly string[]): Promise<void> {
  for (const path of paths) expect(await verifyImage(path), path).toEqual([]);
}

/** Expects that an image is sound, and each of its store paths what Nix has. */
export async function expectMatchesNix(
  image: string,
  options: Pick<VerifyOptions, "store" | "environment"> = {},
): Promise<void> {
  const { verdict, findings } = await verify({ environment: nixEnvironment, ...options, image });
  expect({ image, verdict, findings }).toEqual({ image, verdict: "matches-nix", findings: [] });
}
