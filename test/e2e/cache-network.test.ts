import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, plan, type PackOptions, type PackProgress, type ReadProgress } from "@stowage/core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { copyToCache, makeCacheKey, type CacheKey } from "../support/binary-cache.ts";
import { busyMachine } from "../support/busy-machine.ts";
import { serveCache } from "../support/cache-server.ts";
import { makeCertificates } from "../support/certificates.ts";
import { statusOf, type Ended } from "../support/exit-status.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { stowageWords } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { waitUntil } from "../support/wait-for.ts";

describe.skipIf(!requirePrograms("nix", "nix-store", "openssl", "unshare"))(
  "a binary cache on a network",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "stowage-cache-network-"));
    const cache = join(folder, "cache");
    let small: SmallClosure;
    let key: CacheKey;
    /** The image, packed where the files are. */
    const expected = join(folder, "expected.tar");

    beforeAll(async () => {
      small = makeSmallClosure();
      key = makeCacheKey(folder);
      copyToCache(small.paths, { folder: cache, key, compression: "none", from: small.url });
      await pack({ ...optionsOf(small.url), output: expected });
    });
    afterAll(() => {
      small[Symbol.dispose]();
      removeFolder(folder);
    });

    const optionsOf = (store: string, environment: NodeJS.ProcessEnv = {}): PackOptions => ({
      targets: small.paths,
      store,
      trustedPublicKeys: [key.publicKey],
      platform: "linux/amd64",
      layering: "per-path",
      environment: {
        ...nixEnvironment,
        NIX_SSL_CERT_FILE: "",
        SSL_CERT_FILE: "",
        HOME: join(folder, "home"),
        NIX_CONF_DIR: folder,
        ...environment,
      },
    });

    /** Packs from a cache; the image must be the one that is made of the files. */
    async function packFrom(
      store: string,
      { environment, ...more }: Partial<PackOptions> = {},
    ): Promise<readonly PackProgress[]> {
      const told: PackProgress[] = [];
      const out = temporaryFolder();
      const home = { HOME: out, ...environment };
      const options = { ...optionsOf(store, home), ...more, output: join(out, "image.tar") };
      await pack({ ...options, onProgress: (progress) => told.push(progress) });
      execFileSync("cmp", [join(out, "image.tar"), expected]);
      return told;
    }

    const isNar = (request: IncomingMessage): boolean => (request.url ?? "").startsWith("/nar/");
    const sizeOf = (request: IncomingMessage): number => statSync(join(cache, request.url ?? "")).size;

    test("is trusted over HTTPS where its authority is: --ca-file, or as Nix is told", async () => {
      const { authority, server: certificate } = makeCertificates(temporaryFolder());
      await using server = await serveCache(cache, () => false, certificate);
      await expect(packFrom(server.url)).rejects.toMatchObject({
        code: "cache-failed",
        message: expect.stringContaining("certificate is not trusted") as string,
        hint: expect.stringContaining("--ca-file") as string,
      });
      await packFrom(server.url, { registry: { caFile: authority.certificate } });
      await packFrom(server.url, { environment: { NIX_SSL_CERT_FILE: authority.certificate } });
      await packFrom(server.url, { environment: { SSL_CERT_FILE: authority.certificate } });
      const setting = `ssl-cert-file = ${authority.certificate}`;
      await packFrom(server.url, { environment: { NIX_CONFIG: setting } });
      await expect(
        packFrom(server.url, { environment: { NIX_SSL_CERT_FILE: "/no-cert-file.crt" } }),
      ).rejects.toMatchObject({ code: "cache-failed" });
    });

    test("is shown what Nix's netrc file has for its host, and where it sends us is not", async () => {
      const seen: (string | undefined)[] = [];
      await using other = await serveCache(cache, (request) => {
        seen.push(request.headers.authorization);
        return false;
      });
      const wanted = `Basic ${Buffer.from("reader:se cret").toString("base64")}`;
      await using server = await serveCache(cache, (request, response) => {
        if (request.headers.authorization !== wanted) {
          const told = JSON.stringify({ errors: [{ code: "NO", message: request.headers.authorization }] });
          response.writeHead(401).end(told);
        } else if (isNar(request)) {
          const elsewhere = other.url.replace("127.0.0.1", "localhost");
          response.writeHead(302, { location: `${elsewhere}${request.url}` }).end();
        } else return false;
        return true;
      });
      const netrc = (text: string): NodeJS.ProcessEnv => {
        const conf = temporaryFolder();
        writeFileSync(join(conf, "netrc"), text);
        return { NIX_CONF_DIR: conf };
      };
      const right =
        'machine example.com login x password y\nmacdef init\nmachine 127.0.0.1\n\n# machine 127.0.0.1 login no\nmachine 127.0.0.1\n  login reader password "se cret"\n';
      await packFrom(server.url, { environment: netrc(right) });
      expect(seen.length).toBe(small.paths.length);
      expect(new Set(seen)).toEqual(new Set([undefined]));
      const file = join(temporaryFolder(), "logins");
      writeFileSync(file, 'default login reader password "se cret"');
      await packFrom(server.url, { environment: { NIX_CONFIG: `netrc-file = ${file}` } });

      for (const wrong of ["", "machine 127.0.0.1 login reader password wr0ng\n"]) {
        const failure = await packFrom(server.url, { environment: netrc(wrong) }).catch(
          (error: unknown) => error,
        );
        expect(failure).toMatchObject({
          code: "cache-failed",
          hint: expect.stringContaining("netrc") as string,
        });
        expect((failure as Error).message).toContain("401");
        expect(JSON.stringify([failure, (failure as Error).message])).not.toContain("wr0ng");
      }
    });

    test.each(["hangs up", "resets the connection"])(
      "goes on from where a download broke that %s, and again where it is busy",
      async (how) => {
        const broken = new Set<string>();
        const resumed = new Map<string, number>();
        await using server = await serveCache(cache, (request, response) => {
          const { url = "" } = request;
          const { range, "if-range": validator } = request.headers;
          if (range !== undefined) {
            resumed.set(url, Number(/^bytes=(\d+)-$/.exec(range)?.[1]));
            expect(validator).toBe('"the-same"');
          }
          if (broken.has(url)) return false;
          broken.add(url);
          if (!isNar(request)) response.writeHead(503, { "retry-after": "0" }).end();
          else cutOff(request, response);
          return true;
        });
        /** Half of a file, and no more. */
        function cutOff(request: IncomingMessage, response: ServerResponse): void {
          const size = sizeOf(request);
          response.writeHead(200, { "content-length": size, etag: '"the-same"' });
          const half = createReadStream(join(cache, request.url ?? ""), { end: Math.floor(size / 2) });
          half.pipe(response, { end: false });
          half.on("end", () => {
            if (how === "hangs up") response.write("", () => response.destroy());
            else response.write("", () => request.socket.resetAndDestroy());
          });
        }
        await packFrom(server.url);
        // What has come is not fetched again: of a file of megabytes some has, whatever a reset throws away.
        const large = readdirSync(join(cache, "nar")).filter(
          (name) => statSync(join(cache, "nar", name)).size > 1_000_000,
        );
        expect(large).toHaveLength(1);
        for (const name of large) expect(resumed.get(`/nar/${name}`)).toBeGreaterThan(100_000);
      },
    );

    test("tells of every byte that comes, and how many were written meanwhile", async () => {
      await using server = await serveCache(cache);
      const told = await packFrom(server.url);
      const received = told.flatMap((progress) => ("received" in progress ? (progress.received ?? []) : []));
      const files = readdirSync(join(cache, "nar")).map((name) => statSync(join(cache, "nar", name)).size);
      expect(Math.max(...received)).toBe(files.reduce((sum, size) => sum + size, 0));
      expect(received).toEqual(received.toSorted((a, b) => a - b));
      const last = told.at(-1);
      expect(last).toMatchObject({ phase: "write" });
    });

    test("tells of every byte that comes for digests too", async () => {
      await using server = await serveCache(cache);
      const told: ReadProgress[] = [];
      const environment = { ...nixEnvironment, HOME: temporaryFolder(), NIX_CONF_DIR: folder };
      await plan({
        ...optionsOf(server.url),
        environment,
        digests: true,
        onProgress: (progress) => told.push(progress),
      });
      const files = readdirSync(join(cache, "nar")).map((name) => statSync(join(cache, "nar", name)).size);
      const last = told.at(-1);
      expect(last).toMatchObject({ phase: "read", received: files.reduce((sum, size) => sum + size, 0) });
      expect(last?.read).toBeGreaterThan(2_500_000);
    });

    test("says too much of itself: refused before it is read", async () => {
      const flood = Buffer.alloc(5 * 1024 * 1024, "x: y\n");
      for (const name of [".narinfo", "nix-cache-info"]) {
        await using server = await serveCache(cache, (request, response) => {
          if (!(request.url ?? "").endsWith(name)) return false;
          response.writeHead(200).end(flood);
          return true;
        });
        await expect(packFrom(server.url), name).rejects.toMatchObject({
          code: "cache-corrupted",
          message: expect.stringContaining("has more than") as string,
        });
      }
    });

    test("a signal ends a download within a second, and nothing is left", busyMachine, async () => {
      // A NAR of which half comes, and the rest never.
      let isStalled = false;
      await using server = await serveCache(cache, (request, response) => {
        if (!isNar(request) || sizeOf(request) < 1_000_000) return false;
        response.writeHead(200, { "content-length": sizeOf(request) });
        createReadStream(join(cache, request.url ?? ""), { end: 1_000_000 }).pipe(response, { end: false });
        isStalled = true;
        return true;
      });
      for (const form of [
        ["-o", "image.tar"],
        ["--format", "oci-dir", "-o", "image"],
      ]) {
        isStalled = false;
        const place = temporaryFolder();
        const [cwd, temporary] = [join(place, "work"), join(place, "tmp")];
        for (const each of [cwd, temporary]) mkdirSync(each);
        const [program = "", ...rest] = stowageWords;
        const words = [...rest, "-q", "pack", ...small.paths, "--platform", "linux/amd64", ...form];
        const store = ["--store", server.url, "--trusted-public-key", key.publicKey];
        const env = { ...nixEnvironment, HOME: place, TMPDIR: temporary, NIX_CONF_DIR: folder };
        const packing = spawn(program, [...words, ...store], {
          cwd,
          env,
          stdio: ["ignore", "ignore", "pipe"],
        });
        onTestFinished(() => void packing.kill("SIGKILL"));
        const exited = once(packing, "exit");
        await waitUntil(() => isStalled || packing.exitCode !== null);
        const began = performance.now();
        packing.kill("SIGINT");
        expect(statusOf((await exited) as Ended)).toBe(130);
        expect(performance.now() - began).toBeLessThan(1_000);
        expect([...readdirSync(cwd), ...readdirSync(temporary)]).toEqual([]);
      }
    });

    test("a temporary folder that is full is an error that names it, and where nothing waits there it is none", async () => {
      const place = temporaryFolder();
      const [cwd, temporary] = [join(place, "work"), join(place, "tmp")];
      for (const each of [cwd, temporary]) mkdirSync(each);
      const run = (...words: readonly string[]): Promise<{ status: number; stderr: string }> => {
        const script = 'mount -t tmpfs -o size=1m none "$TMPDIR" && exec "$@" > "$OUT"';
        // Targets are looked into before anything is packed; what else there is, is not.
        const [target = "", ...others] = small.paths;
        const closure = [target, ...others.flatMap((path) => ["--include", path])];
        const program = ["-m", "sh", "-c", script, "sh", ...stowageWords, "-q", "pack", ...closure];
        const store = ["--store", `file://${cache}`, "--trusted-public-key", key.publicKey];
        const env = {
          ...nixEnvironment,
          HOME: place,
          XDG_CACHE_HOME: join(place, "cache", String(words.length)),
          TMPDIR: temporary,
          OUT: join(place, "stream"),
          NIX_CONF_DIR: folder,
        };
        const packing = spawn("unshare", [...program, "--platform", "linux/amd64", ...store, ...words], {
          cwd,
          env,
          stdio: ["ignore", "ignore", "pipe"],
        });
        const said: Buffer[] = [];
        packing.stderr.on("data", (chunk: Buffer) => said.push(chunk));
        return once(packing, "close").then((ended) => ({
          status: statusOf(ended as Ended),
          stderr: Buffer.concat(said).toString(),
        }));
      };
      // A pipe wants sizes first: what is large waits in the folder.
      const full = await run("-o", "-");
      expect(full.status, full.stderr).toBe(4);
      expect(full.stderr).toContain(temporary);
      expect(full.stderr).toContain("no space is left");
      const streamed = await run("-o", join(cwd, "image.tar"), "--layering", "per-path");
      expect(streamed).toEqual({ status: 0, stderr: "" });
      expect(statSync(join(cwd, "image.tar")).size).toBeGreaterThan(2_500_000);
    });
  },
);
