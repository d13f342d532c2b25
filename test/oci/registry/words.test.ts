import { OciError, formatReference, isReference, parseReference } from "@stowage/oci";
import { parseAuthFile } from "@stowage/oci/internal";
import { describe, expect, test } from "vitest";

const digest = `sha256:${"a".repeat(64)}`;

describe("references", () => {
  test.each([
    ["hello", { domain: "docker.io", repository: "library/hello" }],
    ["hello:1", { domain: "docker.io", repository: "library/hello", tag: "1" }],
    [`hello@${digest}`, { domain: "docker.io", repository: "library/hello", digest }],
    [`localhost:5000/a/b:1@${digest}`, { domain: "localhost:5000", repository: "a/b", tag: "1", digest }],
    ["[::1]:5000/a", { domain: "[::1]:5000", repository: "a" }],
    ["ghcr.io/team/app", { domain: "ghcr.io", repository: "team/app" }],
  ])("%s", (text, reference) => {
    expect(parseReference(text)).toEqual(reference);
    expect(parseReference(formatReference(parseReference(text)))).toEqual(reference);
  });

  test.each([
    "",
    "/a",
    "./a",
    "../a",
    "a@sha256:1",
    `a@${digest}@${digest}`,
    "a b",
    "a:",
    "A",
    "https://a/b",
  ])("%j is none", (text) => {
    expect(isReference(text)).toBe(false);
    expect(() => parseReference(text)).toThrow(OciError);
  });
});

test("a reference with a scheme is told without it", () => {
  expect(() => parseReference("docker://a.example/b:1")).toThrow(
    expect.objectContaining({ hint: "An image in a registry is named without docker://: a.example/b:1" }),
  );
});

describe("files of credentials", () => {
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const find = (document: unknown, domain: string, repository = "team/app") =>
    parseAuthFile(JSON.stringify(document), "config.json").find({ domain, repository });

  test("an entry by host, by an old URL, by a part of the host", () => {
    const auths = {
      "registry.example": { auth: encode("host:pass:word") },
      "https://index.docker.io/v1/": { auth: encode("hub:secret\0\0") },
      "registry.example/team": { auth: encode("team:secret") },
      "https://old.example:5000/v2/": { auth: encode("old:secret") },
    };
    const password = (username: string, word: string) => ({ kind: "password", username, password: word });
    expect(find({ auths }, "registry.example", "other/app")).toEqual([password("host", "pass:word")]);
    expect(find({ auths }, "registry.example")).toEqual([
      password("team", "secret"),
      password("host", "pass:word"),
    ]);
    expect(find({ auths }, "docker.io")).toEqual([password("hub", "secret")]);
    expect(find({ auths }, "old.example:5000")).toEqual([password("old", "secret")]);
    expect(find({ auths }, "old.example")).toEqual([]);
    expect(find({ auths }, "registry.example.evil")).toEqual([]);
  });

  test("tokens", () => {
    const auths = { a: { auth: encode("x:"), identitytoken: "id" }, b: { registrytoken: "reg" }, c: {} };
    expect(find({ auths }, "a")).toEqual([{ kind: "identity", token: "id" }]);
    expect(find({ auths }, "b")).toEqual([{ kind: "bearer", token: "reg" }]);
    expect(find({ auths }, "c")).toEqual([]);
  });

  test("a helper for one registry, one for all, then the file", () => {
    const document = {
      auths: { a: { auth: encode("cat:secret") } },
      credHelpers: { a: "one", "docker.io": "../../bin/evil" },
      credsStore: "all",
    };
    expect(find(document, "a").map((entry) => ("helper" in entry ? entry.helper : entry.kind))).toEqual([
      "one",
      "all",
      "password",
    ]);
    expect(find(document, "docker.io")).toEqual([
      { kind: "helper", helper: "all", server: "https://index.docker.io/v1/" },
    ]);
  });

  test.each([
    ["no JSON", '{"auths": canary'],
    ["no object", "[]"],
    ["no password", JSON.stringify({ auths: { a: { auth: encode("canary") } } })],
  ])("%s: an error that shows nothing of it", (_, text) => {
    const read = (): unknown => parseAuthFile(text, "config.json").find({ domain: "a", repository: "b" });
    expect(read).toThrow(expect.objectContaining({ code: "credentials-unusable", path: "config.json" }));
    expect(read).not.toThrow(/canary/);
  });
});
