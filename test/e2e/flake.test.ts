import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa, execaSync } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDocker } from "../support/docker.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { stowage } from "../support/stowage.ts";
import { removeFolder } from "../support/temporary-folder.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "dockerd", "docker");

/** Builds see their inputs and nothing else of this machine. */
const sandboxed: NodeJS.ProcessEnv = {
  ...nixEnvironment,
  NIX_CONFIG: `${nixEnvironment["NIX_CONFIG"]}\nsandbox = true\nsandbox-fallback = false`,
};
const world = ["--override-input", "nixpkgs", `path:${repository}/test/world`];
const itself = `git+file://${repository}`;

/** Attributes as dockerTools has them, in the ways that its users write them. */
const movedOver = `{
  inputs.nixpkgs.url = "flake:nixpkgs";
  inputs.stowage.url = "flake:stowage";
  inputs.stowage.inputs.nixpkgs.follows = "nixpkgs";
  outputs = { self, nixpkgs, stowage }:
    let
      plain = nixpkgs.legacyPackages.x86_64-linux;
      pkgs = plain // stowage.overlays.default pkgs plain;
      rootFiles = pkgs.runCommand "root-files" { } ''
        mkdir -p $out/etc $out/usr/bin
        echo 'cat:x:7:7::/:/bin/sh' > $out/etc/passwd
        ln -s \${pkgs.coreutils}/bin/env $out/usr/bin/env
      '';
      arguments = {
        name = "registry.example/team/Moved";
        tag = null;
        contents = [ pkgs.bash rootFiles ];
        config = {
          Cmd = [ "\${pkgs.coreutils}/bin/env" ];
          Env = [ "TZDIR=\${pkgs.tzdata}/share/zoneinfo" ];
          User = "7:7";
          WorkingDir = "/etc";
          Labels.moved = "It shows the time of \${pkgs.cacert}.";
          Labels.greeting = ./greeting;
          Entrypoint = null;
          Volumes."/data" = { };
          ExposedPorts."80/tcp" = { };
        };
        maxLayers = 5;
        extraCommands = "";
        compressor = "none";
      };
    in {
      packages.x86_64-linux = rec {
        layered = pkgs.stowageTools.buildImage arguments;
        onlyConfig = stowage.lib.buildImage {
          name = "only-config";
          tag = "1";
          system = "x86_64-linux";
          config.Entrypoint = [ "\${pkgs.coreutils}/bin/env" ];
          compression = "gzip:1";
        };
        based = stowage.lib.buildImage {
          name = "based";
          tag = "1";
          # As dockerTools leaves it.
          fromImage = pkgs.runCommand "only-config.tar.gz" { } "gzip -nc \${onlyConfig} > $out";
          target = pkgs.bash;
          link = "/bash";
          includeNixDB = true;
        };
      };
    };
}`;

/** Where nothing is built yet, the command, Node and the service are. */
const PATIENCE = { timeout: 600_000 };

describe.skipIf(!ready)("the flake", PATIENCE, () => {
  let folder: string;
  const nix = (words: readonly string[], cwd = folder): string =>
    execFileSync("nix", words, { cwd, env: sandboxed, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  /** Builds something of this flake, or of one in a folder that has this one as its input; returns the store path. */
  const build = (name: string, flake = itself): string => {
    const inputs = flake === itself ? world : [...world, "--override-input", "stowage", itself];
    nix(["build", `${flake}#${name}`, ...inputs, "--out-link", join(folder, name)]);
    return realpathSync(join(folder, name));
  };
  const inspect = (file: string): { readonly config: Record<string, unknown>; readonly tags: string[] } => {
    const read = (member: string): string =>
      execFileSync("tar", ["-xOf", file, member], { encoding: "utf8" });
    const [image] = JSON.parse(read("manifest.json")) as { Config: string; RepoTags: string[] }[];
    const { config } = JSON.parse(read(image?.Config ?? "")) as { config: Record<string, unknown> };
    return { config, tags: image?.RepoTags ?? [] };
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "stowage-flake-"));
  });
  afterAll(() => removeFolder(folder));

  test("builds the command, which needs nothing around it", async () => {
    const program = join(build("stowage"), "bin/stowage");
    const said = await execa(program, ["--version"], { env: {}, extendEnv: false });
    const { version } = JSON.parse(readFileSync(join(repository, "packages/cli/package.json"), "utf8")) as {
      version: string;
    };
    expect(said.stdout).toBe(version);
  });

  test("lib.buildImage gives in the sandbox the bytes of the command outside; they load in Docker", async () => {
    const image = build("fortune-cat-image");
    const config = join(folder, "config.json");
    writeFileSync(config, JSON.stringify({ ExposedPorts: { "8001/tcp": {} } }));
    const words = ["--tag", "fortune-cat:0.1.0", "--user", "cat", "--config", config];
    const outside = join(folder, "outside.tar");
    const packed = await stowage(["pack", build("fortune-cat"), ...words, "-o", outside]);
    expect(packed.exitCode, packed.stderr).toBe(0);
    expect(readFileSync(image).equals(readFileSync(outside))).toBe(true);
    await using docker = await startDocker();
    expect(await docker.run("load", "-i", image)).toBe("Loaded image: fortune-cat:0.1.0");
  });

  test("an image that is built without a sandbox is the same, and leaves nothing outside of the build", () => {
    build("fortune-cat-image");
    execFileSync("nix", ["build", `${itself}#fortune-cat-image`, ...world, "--no-link", "--rebuild"], {
      cwd: folder,
      env: nixEnvironment,
      stdio: "pipe",
    });
    expect(existsSync("/homeless-shelter")).toBe(false);
  });

  test("is shown for four systems, and its checks pass", () => {
    const shown = JSON.parse(nix(["flake", "show", itself, "--json", ...world])) as Record<string, never>;
    const systems = ["aarch64-darwin", "aarch64-linux", "x86_64-darwin", "x86_64-linux"];
    const names = ["default", "fortune-cat", "fortune-cat-image", "stowage"];
    expect(Object.keys(shown["packages"] ?? {}).toSorted()).toEqual(systems);
    for (const system of systems) {
      expect(Object.keys(shown["packages"]?.[system] ?? {}).toSorted()).toEqual(names);
      expect(Object.keys(shown["checks"]?.[system] ?? {})).toHaveLength(3);
    }
    expect(Object.keys(shown)).toEqual(expect.arrayContaining(["lib", "overlays", "templates"]));
    nix(["flake", "check", itself, ...world]);
  });

  test("its template evaluates, and its image is made", async () => {
    const place = join(folder, "template");
    execFileSync("mkdir", [place]);
    const { stderr: said } = execaSync("nix", ["flake", "init", "--template", itself], {
      cwd: place,
      env: sandboxed,
    });
    expect(said).toContain("inputs.stowage.url");
    const image = build("image", `path:${place}`);
    const { config, tags } = inspect(image);
    expect(tags).toEqual(["app:1.0"]);
    expect(config["Entrypoint"]).toEqual(["/result/bin/app"]);
    expect((await stowage(["verify", image])).exitCode).toBe(0);
  });

  describe("has for images of dockerTools", () => {
    let flake: string;
    beforeAll(() => {
      const place = join(folder, "moved");
      execFileSync("mkdir", [place]);
      writeFileSync(join(place, "flake.nix"), movedOver);
      writeFileSync(join(place, "greeting"), "hello\n");
      flake = `path:${place}`;
    });

    test("the same attributes: contents in /, what the config names comes along, the tag is the output's hash", async () => {
      const image = build("layered", flake);
      const hash = image.slice("/nix/store/".length).split("-", 1)[0];
      const { config, tags } = inspect(image);
      expect(tags).toEqual([`registry.example/team/moved:${hash}`]);
      const inputs = [...world, "--override-input", "stowage", itself];
      expect(nix(["eval", "--raw", `${flake}#layered.imageTag`, ...inputs])).toBe(hash);
      expect(nix(["eval", "--raw", `${flake}#layered.imageName`, ...inputs])).toBe(
        "registry.example/team/moved",
      );
      expect(config).toMatchObject({
        Cmd: [expect.stringMatching(/-coreutils-.*\/bin\/env$/)],
        User: "7:7",
        WorkingDir: "/etc",
        Volumes: { "/data": {} },
        ExposedPorts: { "80/tcp": {} },
      });
      expect(config["Entrypoint"]).toBeUndefined();
      expect(config["Labels"]).toMatchObject({
        moved: expect.stringMatching(/-cacert-[^/]*\.$/) as string,
        greeting: expect.stringMatching(/^\/nix\/store\/.*-greeting$/) as string,
      });
      const { stdout } = await stowage(["ls", image, "--json"]);
      for (const name of ["tzdata", "cacert", "greeting"]) expect(stdout).toContain(`-${name}`);
      const layers =
        (
          JSON.parse(execFileSync("tar", ["-xOf", image, "manifest.json"], { encoding: "utf8" })) as {
            Layers: string[];
          }[]
        )[0]?.Layers ?? [];
      expect(layers).toHaveLength(5);
      execFileSync("tar", ["-xf", image, "-C", folder, layers.at(-1) ?? ""]);
      const last = execFileSync("tar", ["-tvf", join(folder, layers.at(-1) ?? "")], { encoding: "utf8" });
      expect(last).toMatch(/\/?usr\/bin\/env -> \/nix\/store\/.*-root-files\/usr\/bin\/env/);
      expect(last).toMatch(/\/?etc\/passwd -> \/nix\/store\/.*-root-files\/etc\/passwd/);
      expect(last).toMatch(/\/?bin\/bash -> \/nix\/store\/.*-bash-.*\/bin\/bash/);
    });

    test("a config alone, compressed; and one image on another", async () => {
      const onlyConfig = build("onlyConfig", flake);
      expect(inspect(onlyConfig).config["Entrypoint"]).toEqual([expect.stringMatching(/\/bin\/env$/)]);
      const based = build("based", flake);
      expect(inspect(based)).toMatchObject({ tags: ["based:1"] });
      const { stdout: inspected } = await stowage(["inspect", based, "--json"]);
      const { images } = JSON.parse(inspected) as { images: { layers: { diffId: string }[] }[] };
      const top = images[0]?.layers.at(-1)?.diffId ?? "";
      expect((await stowage(["inspect", based, "--files", top])).stdout).toContain(
        "/nix/var/nix/db/db.sqlite",
      );
      for (const image of [onlyConfig, based]) {
        const verified = await stowage(["verify", image]);
        expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
      }
    });
  });

  describe("buildImage refuses, before anything is built,", () => {
    const file = join(repository, "packages/cli/nix/build-image.nix");
    const evaluate = (expression: string): Promise<{ stdout: string; stderr: string }> =>
      execa("nix-instantiate", ["--eval", "--strict", "--json", "--expr", expression], {
        env: nixEnvironment,
        reject: false,
      });
    const call = (attributes: string): string =>
      `let runCommand = name: given: script: given // { outPath = "/nix/store/00000000000000000000000000000000-x"; };
           buildImage = import ${file} { inherit runCommand; stowage = "stowage"; };
       in (buildImage ({ name = "a"; contents = [ "/nix/store/00000000000000000000000000000000-a" ]; } // ${attributes})).words`;

    test.each([
      [
        "an attribute that there is not",
        "{ entrypoint = [ ]; }",
        /there is no attribute 'entrypoint'; there are name, tag,/,
      ],
      ["commands", '{ extraCommands = "mkdir x"; }', /extraCommands: no command runs inside of an image/],
      ["commands as root", '{ runAsRoot = "true"; }', /runAsRoot: no command runs inside of an image/],
      ["owners", "{ uid = 1000; }", /uid: files are root's; user is who the program runs as/],
      [
        "a pipeline of layers",
        "{ layeringPipeline = [ ]; }",
        /layeringPipeline: layers are planned by layering/,
      ],
      [
        "a layering that there is not",
        '{ layering = "best"; }',
        /layering: 'best' is not one of expected, popularity/,
      ],
      [
        "a file that is compressed as a whole",
        '{ compressor = "gz"; }',
        /compressor: layers are compressed, not the file: compression = "gzip"/,
      ],
      [
        "a compression that there is not",
        '{ compression = "xz"; }',
        /compression: 'xz' is not one of none, gzip\[:LEVEL\], zstd/,
      ],
      [
        "a system, where there is none to choose",
        '{ system = "x86_64-linux"; }',
        /system: images are built where the packages of this set are/,
      ],
      ["a tag in the name", '{ name = "host:5000/a:1"; }', /name: 'host:5000\/a:1' has a tag/],
      [
        "a target without a name",
        '{ name = null; target = "/nix/store/00000000000000000000000000000000-a"; }',
        /name is missing/,
      ],
      [
        "a part of a package as contents",
        `{ contents = [ "\${builtins.toFile "a" "b"}/bin" ]; }`,
        /contents: '\/nix\/store\/.*-a\/bin' lies in a store path/,
      ],
      ["too many layers", "{ maxLayers = 126; }", /maxLayers must be from 2 to 125/],
      ["nothing to pack", "{ contents = null; }", /nothing to pack: give target, contents, or a config/],
    ])("%s", async (_, attributes, says) => {
      const { stdout, stderr } = await evaluate(call(attributes));
      expect(stderr).toMatch(says);
      expect(stdout).toBe("");
    });

    test("a system of lib.buildImage that there is not", async () => {
      const { stderr } =
        await evaluate(`import ${join(repository, "packages/cli/nix/flake-build-image.nix")} {
        legacyPackages = { }; packages.x86_64-linux = { };
      } { name = "a"; system = "x86"; contents = [ ]; }`);
      expect(stderr).toMatch(/system: 'x86' is not one of x86_64-linux/);
    });

    test("but not what asks for nothing", async () => {
      const nothing = `{ extraCommands = ""; fakeRootCommands = null; enableFakechroot = false; runAsRoot = null; uid = 0;
        fromImage = null; fromImageName = null; config = null; maxLayers = null; compressor = "none"; includeStorePaths = true; keepContentsDirlinks = false; tag = null; }`;
      const { stdout, stderr } = await evaluate(call(nothing));
      expect(stderr).toBe("");
      expect(JSON.parse(stdout)).toEqual([
        "--copy-to-root",
        "--created",
        "1970-01-01T00:00:01Z",
        "--max-layers",
        "100",
        "--layering",
        "expected",
        "--compression",
        "none",
      ]);
    });
  });

  test.runIf(process.env["STOWAGE_LONG"] === "1")(
    "the recorded hash is that of the committed lockfile",
    () => {
      const place = join(folder, "again");
      execFileSync("git", ["worktree", "add", "--detach", place, "HEAD"], {
        cwd: repository,
        stdio: "ignore",
      });
      try {
        copyFileSync(join(repository, "test/world/inputs.json"), join(place, "test/world/inputs.json"));
        execFileSync("ln", ["-s", join(repository, "node_modules"), join(place, "node_modules")]);
        execFileSync("sh", ["test/world/prepare"], { cwd: place, env: nixEnvironment, stdio: "ignore" });
        expect(existsSync(join(place, "test/world/npm.json"))).toBe(true);
        const changed = execFileSync("git", ["status", "--porcelain", "packages"], {
          cwd: place,
          encoding: "utf8",
        });
        expect(changed).toBe("");
      } finally {
        execFileSync("git", ["worktree", "remove", "--force", place], { cwd: repository });
      }
    },
  );
});
