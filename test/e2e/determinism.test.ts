import { execFileSync, spawn } from "node:child_process";
import { cpSync, chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, symlinkSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildCommand } from "../support/build-command.ts";
import { isLong } from "../support/campaign.ts";
import { fromSource } from "../support/from-source.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { node22, requireNode22 } from "../support/nodes.ts";
import { forms, packForms, type Packed, type Surroundings } from "../support/packed-forms.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { fingerprint } from "../support/read-layout.ts";
import { repository } from "../support/repository.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { stowage, stowageFromSource, stowageWords } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { buildFlake, type Built } from "../support/world.ts";

const programs = ["nix-store", "taskset", "setarch", "faketime", "unshare", "esbuild"];
const ready = requirePrograms(...programs) && requireNode22();
const isRoot = process.getuid?.() === 0;

const at = (time: string): Surroundings => ({ before: ["faketime", "-f", time] });
const umask = (mask: string): Surroundings => ({ before: ["sh", "-c", `umask ${mask}; exec "$@"`, "sh"] });
const jobs = (count: number): Surroundings => ({ options: ["--jobs", `${count}`] });

/** Where it may be done, the machine is called otherwise. */
const renamed: Surroundings = isRoot
  ? { before: ["unshare", "--uts", "sh", "-c", 'hostname another-machine; exec "$@"', "sh"] }
  : {};

/** Whatever may differ between two places or times at which the same closure is packed. */
const differences = {
  "a time long ago": at("@1975-02-03 04:05:06"),
  "a time to come, which runs faster": at("@2040-05-06 07:08:09 x50"),
  "a time zone": { env: { TZ: "Pacific/Kiritimati" } },
  "a locale": { env: { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" } },
  "a locale that is none": { env: { LANG: "C", LC_ALL: "xx_nowhere" } },
  SOURCE_DATE_EPOCH: { env: { SOURCE_DATE_EPOCH: "315532800" } },
  "umask 000": umask("000"),
  "umask 077": umask("077"),
  "a user's name": { env: { USER: "somebody", LOGNAME: "somebody" } },
  "a home": { env: { HOME: "/nonexistent" } },
  "a temporary folder": { env: { TMPDIR: "/var/tmp" } },
  "no cache": { cache: "/dev/null/cache" },
  "a machine's name": renamed,
  "a working directory": { place: "elsewhere/ein Ordner, \u{1F638}" },
  "one processor": { before: ["taskset", "-c", "0"] },
  "addresses that are not random": { before: ["setarch", "-R"] },
  "--jobs 1": jobs(1),
  "--jobs 3": jobs(3),
  "--jobs 16": jobs(16),
  "--jobs 64": jobs(64),
} satisfies Record<string, Surroundings>;

/** In CI several at once, each of them in one place at least. */
const together: readonly (readonly (keyof typeof differences)[])[] = [
  [
    "a time zone",
    "a locale",
    "SOURCE_DATE_EPOCH",
    "umask 000",
    "a user's name",
    "a machine's name",
    "a home",
    "a temporary folder",
    "a working directory",
    "addresses that are not random",
  ],
  ["umask 077", "one processor", "a locale that is none"],
  ["a time long ago", "no cache", "--jobs 1"],
  ["a time to come, which runs faster", "--jobs 16"],
];
const cells = isLong ? Object.keys(differences).map((name) => [name]) : together;

/** Several surroundings at once. */
function mix(all: readonly Surroundings[]): Surroundings {
  return {
    ...Object.assign({}, ...all),
    before: all.flatMap(({ before = [] }) => before),
    env: Object.assign({}, ...all.map(({ env }) => env)),
  };
}

describe.skipIf(!ready)("the same closure gives the same bytes in every form, whatever is around", () => {
  let small: SmallClosure;
  let words: readonly string[];
  let folder: string;
  /** The command as it is published: its JavaScript. */
  let builtCommand: readonly string[];
  let expected: Readonly<Record<string, Packed>>;
  /** Layers and image are the same with every codec. */
  let said: Packed["said"];

  beforeAll(async () => {
    small = makeSmallClosure();
    words = wordsFor(small.root);
    folder = mkdtempSync(join(tmpdir(), "stowage-matrix-"));
    builtCommand = buildCommand(join(folder, "command"));
    expected = await pack({});
    said = expected["archive"]?.said;
    for (const name of Object.keys(forms)) expect(expected[name]?.files).toBeDefined();
    expect(said?.diffIds.length).toBeLessThan(small.paths.length + 1);
    expect(expected["stream"]?.files).toEqual(expected["docker-archive"]?.files);
    for (const { said: other } of Object.values(expected)) expect(other ?? said).toEqual(said);
  });
  afterAll(() => {
    small[Symbol.dispose]();
    removeFolder(folder);
  });

  /** Fewer layers than paths: which paths share one has to be the same too. */
  function wordsFor(root: string): readonly string[] {
    const store = ["--store", `local?root=${root}`];
    return ["-q", "pack", ...store, ...small.paths, "--platform", "linux/amd64", "--max-layers", "4"];
  }

  const pack = (
    surroundings: Surroundings,
    wordsOf = words,
    names?: readonly string[],
  ): ReturnType<typeof packForms> =>
    packForms({ folder, words: wordsOf, surroundings: { command: builtCommand, ...surroundings } }, names);

  test.each(cells.map((names) => [names.join(", "), names] as const))("%s", async (_, names) => {
    const mixed = mix(names.map((name) => (differences as Record<string, Surroundings>)[name] ?? {}));
    expect(await pack(mixed)).toEqual(expected);
  });

  test("the command's source, with its types", async () => {
    const names = isLong ? Object.keys(forms) : ["archive", "stream", "oci-dir, gzip"];
    for (const [name, one] of Object.entries(await pack({ command: stowageFromSource }, words, names)))
      expect(one, name).toEqual(expected[name]);
  });

  test("what earlier packs remember, whichever form and codec they had", async () => {
    const cache = temporaryFolder();
    const written = isLong ? Object.keys(forms) : ["archive", "archive, zstd", "oci-dir, gzip"];
    for (const [name, one] of Object.entries(await pack({ cache }, words, written)))
      expect(one, name).toEqual(expected[name]);
    expect(await pack({ cache })).toEqual(expected);
  });

  test("the path of the checkout, of which another path's JavaScript was built; where the store lies, made smaller with hard links", async () => {
    const checkout = join(folder, "another checkout");
    mkdirSync(checkout);
    const packages = join(checkout, "packages");
    cpSync(join(repository, "packages"), packages, { recursive: true, verbatimSymlinks: true });
    symlinkSync(join(repository, "node_modules"), join(checkout, "node_modules"));
    const built = { command: [process.execPath, join(packages, "cli/dist/main.js")] };
    const root = join(folder, "another root");
    execFileSync("cp", ["-a", small.root, root]);
    if (isLong) {
      expect(await pack(built)).toEqual(expected);
      const source = [process.execPath, ...fromSource, join(packages, "cli/src/main.ts")];
      expect(await pack({ command: source })).toEqual(expected);
      expect(await pack({}, wordsFor(root))).toEqual(expected);
    }
    const optimise = ["--store", `local?root=${root}`, "--optimise"];
    execFileSync("nix-store", optimise, { env: nixEnvironment, stdio: "ignore" });
    expect(execFileSync("find", [`${root}/nix/store`, "-type", "f", "-links", "+1"]).length).toBeGreaterThan(
      0,
    );
    expect(await pack(built, wordsFor(root))).toEqual(expected);
  });

  test.skipIf(!isRoot)("the order in which the file system lists names", async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, "nix/store"), { recursive: true });
    execFileSync("cp", ["-a", join(small.root, "nix/var"), join(root, "nix")]);
    mountInAnotherOrder(join(small.root, "nix/store"), join(root, "nix/store"));
    const listing = (store: string): string[] => {
      const printed = ["-mindepth", "2", "-printf", "%P\n"];
      return execFileSync("find", [`${store}/nix/store`, ...printed], { encoding: "utf8" }).split("\n");
    };
    expect(listing(root)).not.toEqual(listing(small.root));
    expect(listing(root).toSorted()).toEqual(listing(small.root).toSorted());
    expect(await pack({}, wordsFor(root))).toEqual(expected);
  });

  test("Node 22; a codec's bytes may differ, what they stand for does not", async () => {
    const packed = await pack({ command: [node22, ...builtCommand.slice(1)] });
    for (const [name, form] of Object.entries(forms)) {
      if (!form.isCompressed) expect(packed[name], name).toEqual(expected[name]);
      else expect(packed[name]?.said, name).toEqual(said);
    }
  });
});

/** Shows a folder at another place, where directories list their names the other way round. */
function mountInAnotherOrder(source: string, place: string): void {
  if (existsSync("/dev/fuse") && requirePrograms("disorderfs"))
    execFileSync("disorderfs", ["-q", "--sort-dirents=yes", "--reverse-dirents=yes", source, place]);
  else {
    // Of files that are made one after another, a tmpfs lists the last one first.
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "none", place]);
    const copy = `find . -type d | sort | tar -c --no-recursion -T - | tar -x -p -C "$0"
      find . ! -type d | sort | tar -c -T - | tar -x -p -C "$0"`;
    execFileSync("sh", ["-e", "-c", copy, place], { cwd: source });
  }
  onTestFinished(() => void execFileSync("umount", [place]));
}

const readyForNix = requireWorld() && requirePrograms("nix", "nix-store", "nix-daemon", "setpriv");

describe.skipIf(!readyForNix)("Fortune Cat has the same bytes", () => {
  let fortuneCat: Built;
  let folder: string;
  let expected: Readonly<Record<string, Packed>>;

  beforeAll(async () => {
    fortuneCat = buildFlake("fortune-cat");
    folder = mkdtempSync(join(tmpdir(), "stowage-matrix-"));
    chmodSync(folder, 0o777);
    expected = await pack(fortuneCat.link, {}, plain);
  });
  afterAll(() => {
    fortuneCat[Symbol.dispose]();
    removeFolder(folder);
  });

  const plain = ["archive", "docker-archive", "oci-dir"];
  const pack = (
    target: string,
    surroundings: Surroundings,
    names: readonly string[],
  ): ReturnType<typeof packForms> =>
    packForms(
      { folder, words: ["pack", target], surroundings: { command: stowageWords, ...surroundings } },
      names,
    );

  test("in every form, streamed with one thread, and matches Nix", async () => {
    const { archive, "docker-archive": file } = expected;
    for (const { said } of Object.values(expected)) expect(said).toEqual(archive?.said);
    const { stream } = await pack(fortuneCat.link, { options: ["--jobs", "1"] }, ["stream"]);
    expect(stream?.files).toEqual(file?.files);
    const image = join(temporaryFolder(), "image.tar");
    await stowage(["pack", fortuneCat.link, "-o", image]);
    expect(fingerprint(image)).toEqual(archive?.files);
    await expectMatchesNix(image);
  });

  test("by the store path, through another link", async () => {
    const link = join(temporaryFolder(), "another link");
    symlinkSync(fortuneCat.link, link);
    const { archive } = expected;
    expect(await pack(link, {}, ["archive"])).toEqual({ archive });
    expect(await pack(realpathSync(link), {}, ["archive"])).toEqual({ archive });
  });

  test("for another user, through a root nix-daemon", async () => {
    const daemonFolder = temporaryFolder();
    chmodSync(daemonFolder, 0o755);
    chmodSync(fortuneCat.folder, 0o755);
    const socket = join(daemonFolder, "socket");
    await startDaemon(socket);
    const home = join(daemonFolder, "home");
    mkdirSync(home);
    const before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    const env = { HOME: home, NIX_REMOTE: `unix://${socket}` };
    expect(await pack(fortuneCat.link, { before, env }, plain)).toEqual(expected);
  });
});

/** A daemon that any user may ask; it ends with the test. */
async function startDaemon(socket: string): Promise<void> {
  const environment = { ...nixEnvironment, NIX_DAEMON_SOCKET_PATH: socket };
  const daemon = spawn("nix-daemon", { env: environment, stdio: "ignore" });
  const exited = once(daemon, "exit");
  onTestFinished(async () => {
    daemon.kill("SIGTERM");
    await exited;
  });
  for (let tries = 0; !existsSync(socket) && tries < 1200; tries++) await sleep(50);
  chmodSync(socket, 0o666);
}
