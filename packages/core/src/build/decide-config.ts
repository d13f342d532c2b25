import type { Target } from "@stowage/nix";
import { formatPlatform, type ImageSettings, type Platform } from "@stowage/oci";
import { readBaseConfig, searchPathOf, type BaseConfig } from "../base/base-config.ts";
import type { Base } from "../base/read-base-image.ts";
import type { PackOptions } from "../pack-options.ts";
import { readAnnotations } from "./config/annotations.ts";
import { composeContainerConfig } from "./config/container-config.ts";
import { parseCreated } from "./config/created.ts";
import { findEntrypoint, programsIn, type Entrypoint } from "./config/entrypoint.ts";
import { readGivenConfig, type GivenConfig } from "./config/given-config.ts";
import { findPlatform, platformUnknown } from "./config/image-platform.ts";
import { rootLabels } from "./config/root-labels.ts";
import type { ComposedRoot } from "./compose-root.ts";
import type { Found, ImageView } from "./image-view.ts";
import type { User } from "./root/accounts.ts";

/** An image's config but for what follows from the layers, and how it came about. */
export interface DecidedConfig {
  readonly config: ImageSettings;
  /** `linux/amd64`. */
  readonly platform: string;
  /** Programs that could be meant as entrypoint, where no rule names one. */
  readonly entrypointCandidates: readonly string[];
}

/** What a config is decided from. */
export interface ConfigContext {
  readonly root: ComposedRoot;
  readonly targets: readonly Target[];
  readonly link: string;
  readonly user: User | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly base: Base | undefined;
}

/**
 * Decides entrypoint, environment, user, platform and time: flags over `--config` over what the closure says over the base.
 * @throws CoreError `option-invalid`, `platform-unknown`, `platform-mismatch`
 */
export async function decideConfig(options: PackOptions, context: ConfigContext): Promise<DecidedConfig> {
  const { environment, base } = context;
  const given = readGivenConfig(options.config);
  const below = base && readBaseConfig(base);
  const { container, rule, started } = await composeContainer(options, { ...context, given, below });
  const found = (await platformOf(options, { ...context, given, started })) ?? base?.image.platform;
  if (found === undefined) throw platformUnknown(started);
  const platform = { ...base?.image.platform, ...found };
  return {
    config: {
      ...below?.image,
      ...given.image,
      created: parseCreated(options.created ?? given.created, environment),
      ...platform,
      config: container,
    },
    platform: formatPlatform(platform),
    entrypointCandidates: container.Entrypoint === undefined ? rule.candidates : [],
  };
}

/**
 * The platform that a base has to be for, as far as options and closure tell before there is one.
 * @throws CoreError `option-invalid`, `platform-unknown`, `platform-mismatch`
 */
export async function foreseePlatform(
  options: PackOptions,
  context: Omit<ConfigContext, "base" | "user">,
): Promise<Platform | undefined> {
  const given = readGivenConfig(options.config);
  const { started } = await composeContainer(options, {
    ...context,
    user: undefined,
    given,
    below: undefined,
  });
  return platformOf(options, { ...context, given, started });
}

async function composeContainer(
  options: PackOptions,
  context: Omit<ConfigContext, "environment" | "base"> & {
    readonly given: GivenConfig;
    readonly below: BaseConfig | undefined;
  },
): Promise<{
  readonly container: ReturnType<typeof composeContainerConfig>;
  readonly rule: Entrypoint;
  /** The program that is started, where it is one of the closure or of the last layer. */
  readonly started: Found | undefined;
}> {
  const { root, targets, link, user, given, below } = context;
  const rule = await findEntrypoint(root.view, targets, link);
  const path = searchPath(root, { targets, link, below });
  const container = composeContainerConfig(given.container, options, {
    path,
    user: user?.configUser,
    program: rule.program,
    labels: rootLabels(targets, below?.labels),
    described: readAnnotations(options.annotations ?? {}).labels,
    env: root.env,
    base: below?.container,
  });
  const word = container.Entrypoint?.[0] ?? container.Cmd?.[0];
  const places = environmentPath(container.Env) ?? path;
  return {
    container,
    rule,
    started: word === undefined ? undefined : await findStarted(root.view, word, places),
  };
}

async function platformOf(
  options: PackOptions,
  context: Pick<ConfigContext, "root" | "targets"> & {
    readonly given: GivenConfig;
    readonly started: Found | undefined;
  },
): Promise<Platform | undefined> {
  const { root, targets, given, started } = context;
  return findPlatform(root.view, {
    asked: options.platform ?? given.platform,
    entrypoint: started,
    programs: await programsOf(root.view, targets),
  });
}

/** `<link>/bin`, each further target's `bin`, and the base's, or what the last layer itself has in `/bin` and `/usr/bin`. */
function searchPath(
  root: ComposedRoot,
  from: {
    readonly targets: readonly Target[];
    readonly link: string;
    readonly below: BaseConfig | undefined;
  },
): string[] {
  const { targets, link, below } = from;
  const further = targets.slice(1).map((target) => `${target.storePath}/bin`);
  const own =
    below === undefined
      ? ["/bin", "/usr/bin"].filter((directory) => root.tree.has(directory))
      : searchPathOf(below);
  return [...new Set([`${link}/bin`, ...further, ...own])];
}

function environmentPath(env: readonly string[] | undefined): string[] | undefined {
  return env
    ?.findLast((setting) => setting.startsWith("PATH="))
    ?.slice("PATH=".length)
    .split(":");
}

/** The program a runtime would start: a path as it is, a bare name through PATH (as `execvp` searches). */
async function findStarted(
  view: ImageView,
  word: string,
  path: readonly string[],
): Promise<Found | undefined> {
  if (word.startsWith("/")) return view.findProgram(word);
  if (word.includes("/")) return undefined;
  for (const directory of path) {
    const found = await view.findProgram(`${directory}/${word}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function programsOf(view: ImageView, targets: readonly Target[]): Promise<Found[]> {
  const programs: Found[] = [];
  for (const target of targets) {
    for (const place of await programsIn(view, `${target.storePath}/bin`)) {
      const found = await view.findProgram(place);
      if (found !== undefined) programs.push(found);
    }
  }
  return programs;
}
