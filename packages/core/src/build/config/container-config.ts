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
  /** Labels that say what annotations say; those of flags win. */
  readonly described?: Readonly<Record<string, string>> | undefined;
  /** Variables that `--config` and flags win over. */
  readonly env?: Readonly<Record<string, string>>;
  /** The config of the image below, as Docker's `FROM` takes it over. */
  readonly base?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The container's config: the base's, defaults, then `--config`, then flags. Environment, labels, ports and volumes are merged
 * by name; everything else is replaced. A new entrypoint takes the base's command away. Keys nobody here knows pass through.
 * @throws CoreError `option-invalid`
 */
export function composeContainerConfig(
  given: Readonly<Record<string, unknown>>,
  options: ContainerOptions,
  defaults: ContainerDefaults,
): ContainerConfig {
  const base = given as ContainerConfig;
  const below = (defaults.base ?? {}) as ContainerConfig;
  const env = composeEnv(
    defaults.path,
    [...envBelow(below), ...settings(defaults.env ?? {}), ...(base.Env ?? [])],
    options.env ?? {},
  );
  const own = options.entrypoint ?? base.Entrypoint ?? (defaults.program && [defaults.program]);
  const entrypoint = own ?? below.Entrypoint ?? [];
  const commanded = options.entrypoint === undefined ? base.Cmd : undefined;
  const cmd = options.cmd ?? commanded ?? (own === undefined ? below.Cmd : undefined) ?? [];
  const ports = {
    ...below.ExposedPorts,
    ...base.ExposedPorts,
    ...emptyObjects(parsePorts(options.expose ?? [])),
  };
  const volumes = {
    ...below.Volumes,
    ...base.Volumes,
    ...emptyObjects((options.volumes ?? []).map((path) => parsePlace(path, "--volume"))),
  };
  const labels = { ...base.Labels, ...defaults.described, ...options.labels, ...defaults.labels };
  checkLabels(labels);
  const { OnBuild: _, ...inherited } = below;
  if (options.stopSignal !== undefined) checkStopSignal(options.stopSignal);
  const composed: Record<string, unknown> = {
    ...inherited,
    ...given,
    User: defaults.user ?? base.User ?? below.User,
    ExposedPorts: Object.keys(ports).length > 0 ? ports : undefined,
    Env: env.length > 0 ? env : undefined,
    Entrypoint: entrypoint.length > 0 ? entrypoint : undefined,
    Cmd: cmd.length > 0 ? cmd : undefined,
    Volumes: Object.keys(volumes).length > 0 ? volumes : undefined,
    WorkingDir:
      options.workdir === undefined
        ? (base.WorkingDir ?? below.WorkingDir)
        : parsePlace(options.workdir, "--workdir"),
    Labels: { ...below.Labels, ...labels },
    StopSignal: options.stopSignal ?? base.StopSignal ?? below.StopSignal,
  };
  return Object.fromEntries(Object.entries(composed).filter(([, value]) => value !== undefined));
}

function settings(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

/** PATH is composed apart: directories of programs go before the base's. */
function envBelow({ Env = [] }: ContainerConfig): string[] {
  return Env.filter((setting) => !setting.startsWith("PATH="));
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
