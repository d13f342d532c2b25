import { describe, expect, test } from "vitest";
import { familiarName, fullName, OciError, parseImageName } from "@stowage/oci";

describe("image names", () => {
  test.each([
    ["hello", "docker.io/library/hello:latest", "hello:latest"],
    ["hello:1.0", "docker.io/library/hello:1.0", "hello:1.0"],
    ["library/hello:1", "docker.io/library/hello:1", "hello:1"],
    ["team/hello:1", "docker.io/team/hello:1", "team/hello:1"],
    ["library/team/hello:1", "docker.io/library/team/hello:1", "library/team/hello:1"],
    ["docker.io/hello:1", "docker.io/library/hello:1", "hello:1"],
    ["index.docker.io/team/hello", "docker.io/team/hello:latest", "team/hello:latest"],
    ["localhost/hello:1", "localhost/hello:1", "localhost/hello:1"],
    ["localhost:5000/hello", "localhost:5000/hello:latest", "localhost:5000/hello:latest"],
    ["hello:5000", "docker.io/library/hello:5000", "hello:5000"],
    ["registry.example/a/b/c:v1_2-3.4", "registry.example/a/b/c:v1_2-3.4", "registry.example/a/b/c:v1_2-3.4"],
    ["Registry/hello", "Registry/hello:latest", "Registry/hello:latest"],
    ["[::1]:5000/hello:1", "[::1]:5000/hello:1", "[::1]:5000/hello:1"],
    ["a.b_c__d---e:1", "docker.io/library/a.b_c__d---e:1", "a.b_c__d---e:1"],
    [`x:${"t".repeat(128)}`, `docker.io/library/x:${"t".repeat(128)}`, `x:${"t".repeat(128)}`],
  ])("%s", (text, full, familiar) => {
    const name = parseImageName(text);
    expect(fullName(name)).toBe(full);
    expect(familiarName(name)).toBe(familiar);
    expect(parseImageName(full)).toEqual(name);
    expect(parseImageName(familiar)).toEqual(name);
  });

  test.each([
    "",
    ":1",
    "hello:",
    "Hello",
    "team/Hello",
    "registry.example/Hello",
    "hello:a b",
    "hello:.1",
    "hello:-1",
    `hello:${"t".repeat(129)}`,
    "hello@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "a//b",
    "/a",
    "a/",
    "a..b",
    "a___b",
    "_a",
    "a-",
    "-registry.example/a",
    "registry.example:port/a",
    "http://registry.example/a",
    "é",
    "hello\n",
    "a".repeat(256),
  ])("%j is refused", (text) => {
    expect(() => parseImageName(text)).toThrow(OciError);
    expect(() => parseImageName(text)).toThrow(
      expect.objectContaining({ code: "image-invalid", path: text }),
    );
  });
});
