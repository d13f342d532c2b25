import { CoreError } from "../errors.ts";
import { openContainerd } from "./containerd.ts";
import { openDocker } from "./docker.ts";
import { engineNames, type Engine, type EngineContents, type EngineName } from "./engine.ts";
import { openPodman } from "./podman.ts";

/** An engine that answers. */
export interface OpenEngine {
  readonly engine: Engine;
  readonly contents: EngineContents;
}

export interface OpenOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** The image's. */
  readonly platform: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads the names of engines, each once.
 * @throws CoreError `option-invalid`
 */
export function parseEngines(words: readonly string[]): EngineName[] {
  return [...new Set(words)].map((word) => {
    const name = engineNames.find((known) => known === word);
    if (name !== undefined) return name;
    throw new CoreError("option-invalid", `--load: '${word}' is no engine`, {
      hint: `Take ${engineNames.join(", ")}.`,
    });
  });
}

/**
 * Finds engines and asks what they have, so that one that is not there is told before anything is made.
 * @throws CoreError `engine-missing`, `engine-failed`
 */
export async function openEngines(names: readonly EngineName[], options: OpenOptions): Promise<OpenEngine[]> {
  const opened: OpenEngine[] = [];
  for (const name of names) {
    const engine = await open(name, options);
    opened.push({ engine, contents: await engine.inspect(options.signal) });
  }
  return opened;
}

async function open(name: EngineName, { environment, platform, signal }: OpenOptions): Promise<Engine> {
  switch (name) {
    case "docker":
      return openDocker(environment, signal);
    case "podman":
      return openPodman(environment);
    case "containerd":
      return openContainerd(environment, platform);
  }
}
