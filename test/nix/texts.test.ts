import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeNix32,
  encodeNix32,
  isStorePathBaseName,
  makeClosure,
  narHashToHex,
  narHashToNix32,
  NixError,
  parseNarHash,
  parseOutputName,
  parsePackageName,
  parseStorePath,
  storePathBaseName,
  storePathHashPart,
  storePathName,
} from "@stowage/nix";
import { parseRegistration } from "@stowage/nix/internal";
import { batchArguments } from "../../packages/nix/src/store/nix-store-command.ts";
import { pathInfoOf, storePathOf } from "../support/graphs.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";

const hasNix = requirePrograms("nix-hash", "nix-instantiate");

describe("Nix base 32", () => {
  test("decodes what it encodes, at every length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(decodeNix32(encodeNix32(bytes))).toEqual(bytes);
      }),
    );
  });

  test.each(["e", "0o", "t".repeat(32), "u", "A", "z"])("'%s' is refused", (text) => {
    expect(() => decodeNix32(text)).toThrow(NixError);
  });

  test.skipIf(!hasNix)("agrees with nix-hash", () => {
    for (const word of ["", "a", "stowage"]) {
      const hash = createHash("sha256").update(word).digest();
      const said = execFileSync("nix-hash", ["--type", "sha256", "--to-base32", hash.toString("hex")], {
        encoding: "utf8",
      }).trim();
      expect(encodeNix32(hash)).toBe(said);
    }
  });
});

describe("a NAR hash", () => {
  const hex = createHash("sha256").update("x").digest("hex");
  test("is the same in every form that Nix prints", () => {
    const hash = parseNarHash(`sha256:${hex}`);
    for (const form of [hex, hash, narHashToNix32(hash), `sha256:${hex}`])
      expect(parseNarHash(form)).toBe(hash);
    expect(narHashToHex(hash)).toBe(hex);
  });

  test.each([
    "",
    "sha256:",
    hex.slice(1),
    hex.toUpperCase(),
    `md5:${hex}`,
    `sha256-${"A".repeat(43)}`,
    `sha256-${"/".repeat(42)}B=`,
    `sha256:${"e".repeat(52)}`,
  ])("'%s' is refused", (text) => {
    expect(() => parseNarHash(text)).toThrow(NixError);
  });
});

describe("a store path", () => {
  const path = parseStorePath(`/nix/store/${"0".repeat(32)}-hello-2.12`);
  test("has a base name, a hash part and a name", () => {
    expect([storePathBaseName(path), storePathHashPart(path), storePathName(path)]).toEqual([
      `${"0".repeat(32)}-hello-2.12`,
      "0".repeat(32),
      "hello-2.12",
    ]);
  });

  const zeros = "0".repeat(32);
  test.each([
    `${zeros}-a`,
    `${zeros}-${"x".repeat(211)}`,
    `${zeros}-.config`,
    `${zeros}-a+b-c._?=D9`,
    `${zeros}-...`,
  ])("'%s' is one", (name) => {
    expect(isStorePathBaseName(name)).toBe(true);
  });
  test.each([
    "",
    zeros,
    `${zeros}-`,
    `${zeros}-${"x".repeat(212)}`,
    `${"e".repeat(32)}-a`,
    `${zeros.slice(1)}-a`,
    `${zeros}-a/b`,
    `${zeros}-a b`,
    `${zeros}-é`,
    `${zeros}-.`,
    `${zeros}-..`,
    `${zeros}-.-x`,
    `${zeros}-..-x`,
    `${zeros}-a\n`,
    ".links",
  ])("'%s' is none", (name) => {
    expect(isStorePathBaseName(name)).toBe(false);
  });
  test("lies directly in its store directory", () => {
    for (const text of [
      `/gnu/store/${zeros}-a`,
      `/nix/store/${zeros}-a/bin`,
      `/nix/store//${zeros}-a`,
      `nix/store/${zeros}-a`,
    ])
      expect(() => parseStorePath(text)).toThrow(NixError);
    expect(parseStorePath(`/gnu/store/${zeros}-a`, "/gnu/store")).toBe(`/gnu/store/${zeros}-a`);
  });
});

describe("package names", () => {
  const names = [
    "hello-2.12.1",
    "glibc-2.40-66",
    "bash-5.2p37",
    "bash-interactive-5.2p37",
    "gcc-13.3.0-lib",
    "gcc-13.3.0-libgcc",
    "xgcc-13.3.0-libgcc",
    "openssl-3.4.1-bin",
    "python3-3.12.9",
    "python3.12-requests-2.32.3",
    "perl5.40.0-URI-5.21",
    "linux-headers-6.12.7",
    "nodejs-22.14.0",
    "nodejs-slim-22.14.0",
    "libidn2-2.3.7-bin",
    "libunistring-1.3",
    "zlib-1.3.1-dev",
    "ncurses-6.4.20221231-man",
    "acl-2.3.2",
    "attr-2.5.2-doc",
    "coreutils-full-9.6-info",
    "util-linux-minimal-2.40.4-lib",
    "systemd-minimal-libs-257.3",
    "cacert-3.108-unbundled",
    "tzdata-2025a",
    "fortune-mod-3.24.0",
    "source",
    "env-vars",
    "stdenv-linux",
    "nix-2.26.2",
    "unit-nginx.service",
    "etc-os-release",
    "X-Restart-Triggers-foo",
    "firefox-135.0.1",
    "vim-9.1.1046",
    "vimplugin-vim-nix-2024-02-24",
    "emacs-nox-29.4",
    "ghc-9.6.6-with-packages",
    "cabal2nix-unstable-2024-11-22",
    "rust_fd-find-10.2.0",
    "go-1.23.6",
    "openjdk-minimal-jre-21.0.5+11",
    "jdk-21",
    "gtk+3-3.24.48",
    "gtk+-2.24.33",
    "libsigc++-2.12.1",
    "c++-utils-1",
    "0.1.0",
    "-foo",
    "foo-",
    "foo--1",
    "foo-1-",
    "a-b-c",
    "7zip",
    "p7zip-17.05",
    "mpd_clientlib-0.20",
    "xf86-input-evdev-2.11.0",
    "dejavu-fonts-2.37",
    "font-awesome-6.7.2",
    "nixos-system-host-24.11.20250301.abcdef",
    "initrd-linux-6.6.80",
    "kernel-modules",
    "system-path",
    "perl-5.40.0-env",
    "libjpeg-turbo-3.0.4",
    "SDL2-2.30.11",
    "lua5.2-lpeg-1.1.0-1",
    "R-4.4.2",
    "texlive-2023.20240306-texmfdist",
    "ruby3.3-bundler-2.6.3",
    "php-with-extensions-8.3.17",
    "aspell-dict-en-2020.12.07-0",
    "wine-wow-9.0",
    "steam-unwrapped-1.0.0.82",
    "fortune-cat-0.1.0",
    "build-demo-0.1.0",
    "hello.drv",
    "x-1.drv",
  ];

  test.skipIf(!hasNix)("are taken apart as Nix does", () => {
    const expression = `map builtins.parseDrvName [ ${names.map((name) => JSON.stringify(name)).join(" ")} ]`;
    const said = execFileSync("nix-instantiate", ["--eval", "--strict", "--json", "-E", expression], {
      env: nixEnvironment,
      encoding: "utf8",
    });
    expect(names.map((name) => parsePackageName(name))).toEqual(JSON.parse(said));
  });

  test("a known deriver tells the output exactly", () => {
    expect(parseOutputName("gcc-13.3.0-lib", "gcc-13.3.0")).toEqual({
      name: "gcc",
      version: "13.3.0",
      output: "lib",
    });
    expect(parseOutputName("gcc-13.3.0", "gcc-13.3.0")).toEqual({
      name: "gcc",
      version: "13.3.0",
      output: "out",
    });
    expect(parseOutputName("gcc-13.3.0-lib", undefined)).toEqual({
      name: "gcc",
      version: "13.3.0-lib",
      output: undefined,
    });
    expect(parseOutputName("other-1", "gcc-13.3.0")).toEqual({
      name: "other",
      version: "1",
      output: undefined,
    });
  });
});

describe("registration text", () => {
  const path = storePathOf("a-1");
  const hash = createHash("sha256").update("a").digest("hex");
  const good = [path, hash, "120", "", "1", path].join("\n");

  test("is read, with and without a deriver and a last line end", () => {
    const deriver = storePathOf("a-1.drv");
    const info = { path, narHash: parseNarHash(hash), narSize: 120, references: [path] };
    expect(parseRegistration(good, "/nix/store")).toEqual([info]);
    expect(
      parseRegistration(`${[path, hash, "120", deriver, "1", path].join("\n")}\n`, "/nix/store"),
    ).toEqual([{ ...info, deriver }]);
    expect(parseRegistration("", "/nix/store")).toEqual([]);
  });

  test("is refused with the line's number wherever it is cut off or wrong", () => {
    const lines = good.split("\n");
    for (let length = 1; length < lines.length; length++) {
      expect(() => parseRegistration(lines.slice(0, length).join("\n"), "/nix/store")).toThrow(
        new RegExp(`line ${length === 4 ? "[45]" : length + 1}: `),
      );
    }
    for (const [index, wrong] of ["/etc/passwd", "zz", "-1", "/etc/x.drv", "1e9", "/nix/store/x"].entries()) {
      const changed = lines.with(index, wrong).join("\n");
      expect(() => parseRegistration(changed, "/nix/store")).toThrow(new RegExp(`line ${index + 1}: `));
    }
    expect(() => parseRegistration(lines.with(4, "99999999999").join("\n"), "/nix/store")).toThrow(
      /the text ends/,
    );
  });
});

describe("a closure", () => {
  test("is sorted, without repetition, and complete", () => {
    const [a, b] = [pathInfoOf("a", ["b"]), pathInfoOf("b", ["b"])];
    const closure = makeClosure("/nix/store", [a.path, a.path], [b, a, b]);
    expect(closure.roots).toEqual([a.path]);
    expect(closure.paths).toEqual([a, b].toSorted((x, y) => (x.path < y.path ? -1 : 1)));
    expect(() => makeClosure("/nix/store", [a.path], [a])).toThrow(
      new RegExp(`${a.path} refers to ${b.path}`),
    );
    expect(() => makeClosure("/nix/store", [a.path], [b])).toThrow(new RegExp(`root ${a.path}`));
  });
});

describe("arguments", () => {
  test("are split into calls of at most 512 KiB, none lost, in order", () => {
    const paths = Array.from({ length: 30_000 }, (_, index) => storePathOf(`package-${index}`));
    const batches = batchArguments(paths);
    expect(batches.flat()).toEqual(paths);
    expect(batches.length).toBeGreaterThan(1);
    for (const batch of batches)
      expect(batch.reduce((bytes, path) => bytes + path.length + 1, 0)).toBeLessThanOrEqual(512 * 1024);
    expect(batchArguments([])).toEqual([]);
  });
});
