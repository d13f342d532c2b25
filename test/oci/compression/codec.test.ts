import { expect, test } from "vitest";
import { parseCompression } from "@stowage/oci";

test.each([
  ["none", undefined],
  ["gzip", { name: "gzip", level: 6 }],
  ["gzip:1", { name: "gzip", level: 1 }],
  ["gzip:9", { name: "gzip", level: 9 }],
  ["zstd", { name: "zstd", level: 3 }],
  ["zstd:19", { name: "zstd", level: 19 }],
])("%s", (text, codec) => {
  expect(parseCompression(text)).toEqual(codec);
});

test.each([
  "",
  "gzip:",
  "gzip:0",
  "gzip:10",
  "gzip:-1",
  "zstd:0",
  "zstd:20",
  "zstd:100",
  "GZIP",
  "none:0",
  "xz",
])("'%s' is refused", (text) => {
  expect(() => parseCompression(text)).toThrow(expect.objectContaining({ code: "image-invalid" }) as Error);
});
