import type { Target } from "@stowage/nix";
import { formatPlatform, type ImageSettings } from "@stowage/oci";
import type { PackOptions } from "../pack-options.ts";
import { composeContainerConfig } from "./config/container-config.ts";
import { parseCreated } from "./config/created.ts";
import { findEntrypoint, programsIn, type Entrypoint } from "./config/entrypoint.ts";
import { readGivenConfig } from "./config/given-config.ts";
import { decidePlatform } from "./config/image-platform.ts";
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

/**
 * Decides entrypoint, environment, user, platform and time: flags over `--config` over what the closure says.
 * @throws CoreError `option-invalid`, `platform-unknown`
 */
export function decideConfig(
  options: PackOptions,
  context: {
    readonly root: ComposedRoot;
    readonly targets: readonly Target[];
    readonly link: string;
    readonly user: User | undefined;
    readonly environment: NodeJS.ProcessEnv;
  },
): DecidedConfig {
  const { root, targets, link, user, environment } = context;
  const given = readGivenConfig(options.config);
  const rule: Entrypoint = findEntrypoint(root.view, targets, link);
  const path = searchPath(root, targets, link);
  const container = composeContainerConfig(given.container, options, {
    path,
    user: user?.configUser,
    program: rule.program,
    labels: rootLabels(targets),
  });
  const started = container.Entrypoint?.[0] ?? container.Cmd?.[0];
  const platform = decidePlatform(root.view, {
    asked: options.platform ?? given.platform,
    entrypoint:
      started === undefined
        ? undefined
        : findStarted(root.view, started, environmentPath(container.Env) ?? path),
    programs: programsOf(root.view, targets),
  });
  return {
    config: {
      ...given.image,
      created: parseCreated(options.created ?? given.created, environment),
      ...platform,
      config: container,
    },
    platform: formatPlatform(platform),
    entrypointCandidates: container.Entrypoint === undefined ? rule.candidates : [],
  };
}

/** `<link>/bin`, each further target's `bin`, and what the last layer itself has in `/bin` and `/usr/bin`. */
function searchPath(root: ComposedRoot, targets: readonly Target[], link: string): string[] {
  const further = targets.slice(1).map((target) => `${target.storePath}/bin`);
  const own = ["/bin", "/usr/bin"].filter((directory) => root.tree.has(directory));
  return [...new Set([`${link}/bin`, ...further, ...own])];
}

function environmentPath(env: readonly string[] | undefined): string[] | undefined {
  return env
    ?.findLast((setting) => setting.startsWith("PATH="))
    ?.slice("PATH=".length)
    .split(":");
}

/** The program a runtime would start: a path as it is, a bare name through PATH (as `execvp` searches). */
function findStarted(view: ImageView, word: string, path: readonly string[]): Found | undefined {
  if (word.startsWith("/")) return view.findProgram(word);
  if (word.includes("/")) return undefined;
  return path
    .map((directory) => view.findProgram(`${directory}/${word}`))
    .find((found) => found !== undefined);
}

function programsOf(view: ImageView, targets: readonly Target[]): Found[] {
  return targets
    .flatMap((target) => programsIn(view, `${target.storePath}/bin`))
    .map((place) => view.findProgram(place))
    .filter((found) => found !== undefined);
}
