import { CoreError } from "../errors.ts";
import { engineMissing } from "./engine.ts";
import { MOST_IMAGES, type DockerImage, type DockerRoute } from "./docker-route.ts";
import { askLoader, runLoader, type Loader } from "./run-loader.ts";

/** Docker's engine through Docker's client, which knows the way over SSH and TLS. */
export function dockerByClient(environment: NodeJS.ProcessEnv): DockerRoute {
  const loader = (...words: string[]): Loader => ({
    engine: "docker",
    program: "docker",
    words,
    environment,
  });
  const inspect = async (names: readonly string[], signal?: AbortSignal): Promise<readonly DockerImage[]> => {
    try {
      const images: unknown = JSON.parse(await askLoader(loader("image", "inspect", ...names), signal));
      return Array.isArray(images) ? (images as DockerImage[]) : [];
    } catch (error) {
      // It is not there, or has been removed since it was listed.
      if (error instanceof CoreError && /no such image/i.test(error.message)) return [];
      throw error;
    }
  };
  return {
    async info(signal) {
      const info = JSON.parse(await askLoader(loader("info", "--format", "{{json .}}"), signal)) as {
        readonly ServerErrors?: readonly string[] | null;
      };
      // Some versions say so and succeed.
      const [problem] = info.ServerErrors ?? [];
      if (problem === undefined) return info;
      throw engineMissing("docker", problem, { hint: "See whether docker info works." });
    },
    async images(signal) {
      const listed = await askLoader(loader("image", "ls", "--no-trunc", "--quiet"), signal);
      const ids = [...new Set(listed.split("\n").filter((id) => id !== ""))];
      return ids.length === 0 ? [] : inspect(ids.slice(0, MOST_IMAGES), signal);
    },
    image: async (name, signal) => (await inspect([name], signal))[0],
    load: async (write, signal) => (await runLoader(loader("load", "-q"), write, signal)).result,
  };
}
