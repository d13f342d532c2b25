import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type StorePath } from "@stowage/nix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyToCache, makeCacheKey } from "../../support/binary-cache.ts";
import { nixEnvironment } from "../../support/nix-environment.ts";
import { requirePrograms } from "../../support/programs.ts";
import { removeFolder, temporaryFolder } from "../../support/temporary-folder.ts";

describe.skipIf(!requirePrograms("nix", "nix-store"))("trust in a binary cache", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-trust-"));
  const from = `local?root=${join(folder, "root")}`;
  const cache = join(folder, "cache");
  /** Unsigned paths that follow from their contents, by how. */
  const paths: Record<string, StorePath> = {};
  const run = (program: string, ...words: string[]): string =>
    execFileSync(program, words, {
      env: nixEnvironment,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();

  beforeAll(() => {
    const tree = join(folder, "tree-1");
    const file = join(folder, "file-1");
    mkdirSync(tree);
    writeFileSync(join(tree, "a"), "a");
    writeFileSync(file, "contents");
    const add = (...words: string[]): StorePath => run("nix-store", "--store", from, ...words) as StorePath;
    paths["a tree, SHA-256"] = add("--add", tree);
    paths["a tree, SHA-1"] = add("--add-fixed", "--recursive", "sha1", tree);
    paths["a file, SHA-256"] = add("--add-fixed", "sha256", file);
    paths["a file, MD5"] = add("--add-fixed", "md5", file);
    const text = `builtins.toFile "text-1" ''refers to \${builtins.toFile "other-1" "other"}''`;
    paths["a text with a reference"] = run(
      "nix",
      "eval",
      "--store",
      from,
      "--raw",
      "--expr",
      text,
    ) as StorePath;
    copyToCache(Object.values(paths), { folder: cache, from });
  });
  afterAll(() => removeFolder(folder));

  const fetch = async (
    path: StorePath,
    options: Parameters<typeof openStore>[0] = {},
  ): Promise<string | undefined> => {
    const environment = { NIX_CONF_DIR: folder };
    try {
      const store = openStore({ url: `file://${cache}`, environment, ...options });
      const { paths: all } = await store.queryClosure([path]);
      await using trees = await store.openTrees(all.map((info) => info.path));
      trees.locate(path);
      return "read";
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  const narinfo = (path: StorePath): string => join(cache, `${path.slice(11, 43)}.narinfo`);

  test("an unsigned path counts where it follows from its contents and references", async () => {
    expect(Object.keys(paths)).toHaveLength(5);
    for (const [how, path] of Object.entries(paths)) {
      expect(readFileSync(narinfo(path), "utf8"), how).toMatch(/^CA: /m);
      expect(readFileSync(narinfo(path), "utf8"), how).not.toMatch(/^Sig: /m);
      expect(await fetch(path), how).toBe("read");
    }
  });

  test("it does not where the content address, the references or the name are others", async () => {
    for (const [how, path] of Object.entries(paths)) {
      const text = readFileSync(narinfo(path), "utf8");
      const other = `${"0".repeat(32)}-other`;
      const changes = {
        references: text.replace(/^References:.*$/m, `References: ${other}`),
        "no content address": text.replace(/^CA: .*\n/m, ""),
        method: text.replace(/^CA: (fixed:r|fixed|text):/m, (_, method: string) =>
          method === "text" ? "CA: fixed:" : method === "fixed" ? "CA: fixed:r:" : "CA: fixed:",
        ),
        digest: text.replace(/^(CA: .*:).{3}(.*)$/m, "$1000$2"),
      };
      for (const [what, changed] of Object.entries(changes)) {
        expect(changed).not.toBe(text);
        writeFileSync(narinfo(path), changed);
        expect(await fetch(path), `${how}, ${what}`).toBe("cache-untrusted");
      }
      writeFileSync(narinfo(path), text);
    }
  });

  test("contents that are others than the address says are refused, with whatever NAR hash", async () => {
    const fake = join(temporaryFolder(), "cache");
    const second = join(folder, "file-1");
    writeFileSync(second, "contents that are others");
    const other = run("nix-store", "--store", from, "--add-fixed", "sha256", second) as StorePath;
    copyToCache([other], { folder: fake, from, compression: "none" });
    const target = paths["a file, SHA-256"] as StorePath;
    const before = readFileSync(narinfo(target), "utf8");
    const info = readdirSync(fake).find((name) => name.endsWith(".narinfo")) as string;
    const lies = readFileSync(join(fake, info), "utf8")
      .replace(other, target)
      .replace(/^CA: .*$/m, /^CA: .*$/m.exec(before)?.[0] as string);
    writeFileSync(join(fake, `${target.slice(11, 43)}.narinfo`), lies);
    expect(await fetch(target, { url: `file://${fake}` })).toBe("cache-corrupted");
  });

  test("what cache.nixos.org signed counts without a word; not where others are trusted in its place", async () => {
    // As it gave it in 2018; the signature is of the path, the NAR's hash and size, and the references.
    const narinfo = `StorePath: /nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-net-tools-1.60_p20170221182432
URL: nar/1094wph9z4nwlgvsd53abfz8i117ykiv5dwnq9nnhz846s7xqd7d.nar.xz
Compression: xz
FileHash: sha256:1094wph9z4nwlgvsd53abfz8i117ykiv5dwnq9nnhz846s7xqd7d
FileSize: 114980
NarHash: sha256:0lxjvvpr59c2mdram7ympy5ay741f180kv3349hvfc3f8nrmbqf6
NarSize: 464152
References: 7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-glibc-2.27
Deriver: 10dx1q4ivjb115y3h90mipaaz533nr0d-net-tools-1.60_p20170221182432.drv
Sig: cache.nixos.org-1:sn5s/RrqEI+YG6/PjwdbPjcAC7rcta7sJU4mFOawGvJBLsWkyLtBrT2EuFt/LJjWkTZ+ZWOI9NTtjo/woMdvAg==
`;
    const copy = temporaryFolder();
    writeFileSync(join(copy, "nix-cache-info"), "StoreDir: /nix/store\n");
    writeFileSync(join(copy, "00bgd045z0d4icpbc2yyz4gx48ak44la.narinfo"), narinfo);
    const path = /\/nix\/store\/\S+/.exec(narinfo)?.[0] as StorePath;
    const ask = (config: string): Promise<unknown> => {
      const environment = { NIX_CONF_DIR: copy, NIX_USER_CONF_FILES: "", NIX_CONFIG: config };
      return openStore({ url: `file://${copy}`, environment }).queryValid([path]);
    };
    expect(await ask("")).toMatchObject([{ path, narSize: 464_152 }]);
    await expect(ask("trusted-public-keys =")).rejects.toMatchObject({ code: "cache-untrusted", path });
  });

  test("keys come from nix.conf, its includes, the user's files and NIX_CONFIG, as in Nix", async () => {
    const key = makeCacheKey(folder, "conf-1");
    const [path] = Object.values(paths) as [StorePath];
    const signed = join(folder, "signed");
    copyToCache([path], { folder: signed, from, key });
    const info = readdirSync(signed).find((name) => name.endsWith(".narinfo")) as string;
    const text = readFileSync(join(signed, info), "utf8");
    writeFileSync(join(signed, info), text.replace(/^CA: .*\n/m, ""));
    const conf = temporaryFolder();
    const write = (name: string, contents: string): string => {
      writeFileSync(join(conf, name), contents);
      return join(conf, name);
    };
    const none = { NIX_CONF_DIR: join(conf, "nothing"), NIX_USER_CONF_FILES: "" };
    const line = `trusted-public-keys = ${key.publicKey}\n`;
    const user = write("user.conf", line);
    const including = write("including.conf", "!include missing.conf\ninclude user.conf # a comment\n");
    const empty = write("empty.conf", "trusted-public-keys =\n");
    const cases: [string, NodeJS.ProcessEnv, string][] = [
      ["nothing", none, "cache-untrusted"],
      ["NIX_CONFIG", { ...none, NIX_CONFIG: line }, "read"],
      ["extra-", { ...none, NIX_CONFIG: `extra-${line}` }, "read"],
      ["an old name", { ...none, NIX_CONFIG: `binary-cache-public-keys = ${key.publicKey}` }, "read"],
      ["a user's file", { ...none, NIX_USER_CONF_FILES: user }, "read"],
      ["an included file", { ...none, NIX_USER_CONF_FILES: including }, "read"],
      ["the first of two", { ...none, NIX_USER_CONF_FILES: `${user}:${empty}` }, "read"],
      ["the second of two", { ...none, NIX_USER_CONF_FILES: `${empty}:${user}` }, "cache-untrusted"],
      [
        "XDG",
        { NIX_CONF_DIR: conf, XDG_CONFIG_HOME: conf, HOME: conf, XDG_CONFIG_DIRS: "" },
        "cache-untrusted",
      ],
      ["no key at all", { ...none, NIX_CONFIG: "trusted-public-keys = nonsense" }, "store-unsupported"],
    ];
    for (const [what, environment, expected] of cases)
      expect(await fetch(path, { url: `file://${signed}`, environment }), what).toBe(expected);
    mkdirSync(join(conf, "nix"));
    write("nix/nix.conf", line);
    expect(
      await fetch(path, {
        url: `file://${signed}`,
        environment: { NIX_CONF_DIR: conf, XDG_CONFIG_HOME: conf },
      }),
    ).toBe("read");
  });
});
