import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { startRegistry } from "../support/registry.ts";
import { removeFolder } from "../support/temporary-folder.ts";
import { buildFlake } from "../support/world.ts";
import { forget, stowageCommand } from "./stowage-command.ts";
import { userEnvironment } from "./user-environment.ts";

/*
 * A cold push against curl uploading the same blobs, each to a registry of its own on loopback that has nothing, in turns.
 * Both start as processes. Words: rounds, and a target in place of Fortune Cat.
 */

const [rounds = "5", target] = process.argv.slice(2);

/** One upload of every blob, and then the manifest: four curls at once, as many as Stowage has connections. */
const script = `set -e
upload() {
  digest=sha256:\${1##*/}
  place=$(curl -s -o /dev/null -D - -X POST "$registry/blobs/uploads/" | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
  curl -s -f -o /dev/null -X PUT -H 'content-type: application/octet-stream' -T "$1" "$place&digest=$digest"
}
export -f upload
ls "$layout"/blobs/sha256/* | grep -v "$manifest" | xargs -P "$at_once" -I BLOB bash -ec 'upload BLOB'
curl -s -f -o /dev/null -X PUT -H 'content-type: application/vnd.oci.image.manifest.v1+json' \\
  --data-binary "@$layout/blobs/sha256/$manifest" "$registry/manifests/1"
`;

type Run = (
  url: string,
  host: string,
) => { readonly words: readonly string[]; readonly env: NodeJS.ProcessEnv };

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "stowage-bench-"));
  const built = target === undefined ? buildFlake("fortune-cat") : undefined;
  const link = target ?? built?.link ?? "";
  try {
    const layout = join(folder, "layout");
    const [node = "", ...cli] = stowageCommand;
    const env = { ...userEnvironment, HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
    execFileSync(node, [...cli, "pack", link, "--format", "oci-dir", "-o", layout, "-q"], { env });
    const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
      manifests: { digest: string }[];
    };
    const manifest = manifests[0]?.digest.slice("sha256:".length) ?? "";
    const bash = join(folder, "upload.sh");
    writeFileSync(bash, script);
    const curl =
      (atOnce: number): Run =>
      (url) => ({
        words: ["bash", bash],
        env: { ...process.env, registry: `${url}/v2/app`, layout, manifest, at_once: String(atOnce) },
      });
    const push: Run = (_, host) => ({
      words: [...stowageCommand, "pack", link, "--push", `${host}/app:1`, "-q"],
      env,
    });
    const contenders: Readonly<Record<string, Run>> = {
      "curl, one at a time": curl(1),
      "curl, four at a time": curl(4),
      stowage: push,
    };
    const seconds = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]));
    const again: number[] = [];
    for (let round = 0; round < Number(rounds); round++) {
      for (const [name, contender] of Object.entries(contenders)) {
        await using registry = await startRegistry();
        forget(join(folder, "cache"));
        seconds.get(name)?.push(await time(contender(registry.url, registry.host)));
        if (contender === push) again.push(await time(contender(registry.url, registry.host)));
      }
    }
    const best = Math.min(
      ...[...seconds].filter(([name]) => name !== "stowage").map(([, all]) => median(all)),
    );
    for (const [name, all] of [...seconds, ["stowage, again", again] as const]) {
      const told = all.map((second) => second.toFixed(2)).join(" ");
      process.stdout.write(
        `${name}: ${told}; median ${median(all).toFixed(2)} s, ${(median(all) / best).toFixed(2)}x\n`,
      );
    }
  } finally {
    built?.[Symbol.dispose]();
    removeFolder(folder);
  }
}

/** Without blocking: the registry's log has to be read meanwhile. */
async function time({ words, env }: ReturnType<Run>): Promise<number> {
  const [program = "", ...rest] = words;
  const began = performance.now();
  await execa(program, rest, { env, stdin: "ignore", stdout: "ignore", timeout: 60_000 });
  return (performance.now() - began) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

await main();
