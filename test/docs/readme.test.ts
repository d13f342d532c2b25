import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromSource } from "../support/from-source.ts";
import { startDocker, type Docker } from "../support/docker.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildFlake, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "dockerd", "docker", "skopeo");
const readme = readFileSync(join(repository, "README.md"), "utf8");

/** The fenced blocks of a language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    (match) => match[1] as string,
  );
}

describe.skipIf(!ready)("each example of the README runs", () => {
  let docker: Docker;
  let fortuneCat: Built;
  beforeAll(async () => {
    fortuneCat = buildFlake("fortune-cat");
    docker = await startDocker();
  });
  afterAll(async () => {
    await docker[Symbol.asyncDispose]();
    fortuneCat[Symbol.dispose]();
  });

  test("the commands, one after another, in one folder", async () => {
    // The flake is this repository's and nixpkgs the offline world; the rest is as written.
    const set = ["set -eu", `stowage() { ${stowageWords.join(" ")} "$@"; }`].join("\n");
    const nix = `nix() { verb=$1 place="${repository}#\${2#*#}"; shift 2; command nix "$verb" "$place" "$@" --override-input nixpkgs "path:${repository}/test/world"; }`;
    const commands = blocks("sh").filter((block) => !block.startsWith("npm "));
    expect(commands.length).toBeGreaterThanOrEqual(3);
    const { exitCode, all } = await execa("sh", ["-c", [set, nix, ...commands].join("\n")], {
      cwd: temporaryFolder(),
      env: { ...nixEnvironment, DOCKER_HOST: docker.host, PORT: "0" },
      all: true,
      reject: false,
    });
    expect(all).toContain("Loaded image: fortune-cat:latest");
    expect(exitCode, all).toBe(0);
  });

  test("the commands of npm are scripts of the package", () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const names = blocks("sh")
      .filter((block) => block.startsWith("npm "))
      .map((block) => block.trim().replace(/^npm (run )?/, ""));
    expect(names).toEqual(["demo", "test"]);
    for (const name of names) expect(scripts[name]).toMatch(/^sh /);
  });

  test("the transcript says what the command says", async () => {
    const shown = blocks("console")[0]?.split("\n").slice(1).join("\n").trimEnd() ?? "";
    const packed = await stowage(["pack", fortuneCat.link], { cwd: temporaryFolder() });
    // Sizes and digests follow Debian's packages of the day.
    const shape = (text: string): string =>
      text
        .replaceAll(/[0-9a-f]{64}/g, "DIGEST")
        .replaceAll(/\d+(\.\d+)?/g, "N")
        .replaceAll("arm", "amd");
    expect(shape(packed.stderr)).toBe(shape(shown));
  });

  test("the build script is the file it names, and packs, verifies, measures and reports in ten lines", async () => {
    const script = join(repository, "apps/fortune-cat/pack.ts");
    const code = readFileSync(script, "utf8");
    expect(blocks("ts")).toEqual([code]);
    expect(code.trim().split("\n").length).toBeLessThanOrEqual(10);
    const { stdout } = await execa(process.execPath, [...fromSource, script], {
      cwd: fortuneCat.folder,
      env: nixEnvironment,
    });
    expect(stdout).toMatch(
      /^fortune-cat\.tar: sha256:[0-9a-f]{64}, matches-nix; \d+ store paths, shown in fortune-cat\.html$/,
    );
    expect(await docker.run("load", "-i", join(fortuneCat.folder, "fortune-cat.tar"))).toContain(
      "Loaded image: fortune-cat:0.1.0",
    );
  });

  test("every link leads to a file, and to a heading of it", () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)(?:#([^)]+))?\)/g)];
    expect(links.length).toBeGreaterThan(8);
    for (const [link, target = "", anchor] of links) {
      const bytes = readFileSync(join(repository, target));
      const headings = [...bytes.toString().matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
        heading.toLowerCase().replaceAll(" ", "-"),
      );
      if (anchor !== undefined) expect(headings, link).toContain(anchor);
    }
  });

  test("it is read in a few minutes", () => {
    expect(readme.split("\n").length - 1).toBeLessThanOrEqual(130);
  });
});
