import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { DigestHash, digestOf, formatPlatform, parseDigest, parsePlatform } from "@stowage/oci";

const invalid = expect.objectContaining({ name: "OciError", code: "image-invalid" });
const nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

describe("digests", () => {
  test("of bytes, at once and in pieces", () => {
    expect(digestOf(Buffer.alloc(0))).toBe(nothing);
    const bytes = Buffer.from("some bytes");
    const expected = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    expect(digestOf(bytes)).toBe(expected);
    expect(new DigestHash().update(bytes.subarray(0, 3)).update(bytes.subarray(3)).digest()).toBe(expected);
    expect(parseDigest(nothing)).toBe(nothing);
  });

  test.each([
    "",
    "sha256:",
    nothing.slice(7),
    nothing.toUpperCase(),
    `${nothing}0`,
    `${nothing}\n`,
    "sha512:00",
  ])("%j is refused", (text) => {
    expect(() => parseDigest(text)).toThrow(invalid);
  });
});

describe("platforms", () => {
  test.each([
    ["linux/amd64", { os: "linux", architecture: "amd64" }],
    ["linux/arm/v7", { os: "linux", architecture: "arm", variant: "v7" }],
  ])("%s", (text, platform) => {
    expect(parsePlatform(text)).toEqual(platform);
    expect(formatPlatform(platform)).toBe(text);
  });

  test.each([
    "",
    "linux",
    "linux/",
    "/amd64",
    "linux//v7",
    "linux/amd64/",
    "Linux/amd64",
    "linux/amd64/v1/x",
    "a b/c",
  ])("%j is refused", (text) => {
    expect(() => parsePlatform(text)).toThrow(invalid);
  });
});
