import type { ContainerConfig } from "@stowage/oci";
import { checkEnvironment, checkLabels, checkStopSignal, parsePorts } from "./words.ts";
import { parsePlace } from "../root/place.ts";

/** What flags say about the container; each wins over the same setting of `--config`. */
export interface ContainerOptions {
  readonly entrypoint?: readonly string[] | undefined;
  readonly cmd?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly expose?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly volumes?: readonly string[] | undefined;
  readonly stopSignal?: string | undefined;
}

/** What Stowage itself knows about the container. */
export interface ContainerDefaults {
  /** Directories of programs in the image, first searched first. */
  readonly path: readonly string[];
  /** The `User` to write; undefined leaves `--config`'s. */
  readonly user: string | undefined;
  /** The program found by rule; used where neither flags nor `--config` name an entrypoint. */
  readonly program: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The container's config: defaults, then `--config`, then flags. Environment, labels, ports and volumes are merged
 * by name; everything else is replaced. Keys nobody here knows pass through.
 * @throws CoreError `option-invalid`
 */
export function composeContainerConfig(
  given: Readonly<Record<string, unknown>>,
  options: ContainerOptions,
  defaults: ContainerDefaults,
): ContainerConfig {
  const base = given as ContainerConfig;
  const env = composeEnv(defaults.path, base.Env ?? [], options.env ?? {});
  const entrypoint =
    options.entrypoint ?? base.Entrypoint ?? (defaults.program === undefined ? [] : [defaults.program]);
  const cmd = options.cmd ?? (options.entrypoint === undefined ? base.Cmd : undefined) ?? [];
  const ports = { ...base.ExposedPorts, ...emptyObjects(parsePorts(options.expose ?? [])) };
  const volumes = {
    ...base.Volumes,
    ...emptyObjects((options.volumes ?? []).map((path) => parsePlace(path, "--volume"))),
  };
  const labels = { ...base.Labels, ...options.labels, ...defaults.labels };
  checkLabels(labels);
  if (options.stopSignal !== undefined) checkStopSignal(options.stopSignal);
  const composed: Record<string, unknown> = {
    ...given,
    User: defaults.user ?? base.User,
    ExposedPorts: Object.keys(ports).length > 0 ? ports : undefined,
    Env: env.length > 0 ? env : undefined,
    Entrypoint: entrypoint.length > 0 ? entrypoint : undefined,
    Cmd: cmd.length > 0 ? cmd : undefined,
    Volumes: Object.keys(volumes).length > 0 ? volumes : undefined,
    WorkingDir: options.workdir === undefined ? base.WorkingDir : parsePlace(options.workdir, "--workdir"),
    Labels: labels,
    StopSignal: options.stopSignal ?? base.StopSignal,
  };
  return Object.fromEntries(Object.entries(composed).filter(([, value]) => value !== undefined));
}

/** PATH first, then the given settings, then the flags'; each name once, the last value winning, at its first place. */
function composeEnv(
  path: readonly string[],
  given: readonly string[],
  flags: Readonly<Record<string, string>>,
): string[] {
  checkEnvironment(flags);
  const settings = new Map<string, string>(path.length > 0 ? [["PATH", path.join(":")]] : []);
  for (const setting of given) {
    const at = setting.indexOf("=");
    settings.set(setting.slice(0, at), setting.slice(at + 1));
  }
  for (const [name, value] of Object.entries(flags)) settings.set(name, value);
  return [...settings].map(([name, value]) => `${name}=${value}`);
}

function emptyObjects(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}
