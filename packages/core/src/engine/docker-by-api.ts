import type { DockerApi } from "./docker-api.ts";
import { MOST_IMAGES, type DockerImage, type DockerRoute } from "./docker-route.ts";

/** Docker's engine through its API. */
export function dockerByApi(api: DockerApi): DockerRoute {
  const image = async (name: string, signal?: AbortSignal): Promise<DockerImage | undefined> =>
    (await api.get(`/images/${encodeURI(name)}/json`, signal)) as DockerImage | undefined;
  return {
    info: (signal) => api.get("/info", signal),
    async images(signal) {
      const listed = ((await api.get("/images/json", signal)) ?? []) as readonly DockerImage[];
      return Promise.all(
        listed.map(async (one, index) =>
          index < MOST_IMAGES ? { ...one, ...(await image(one.Id ?? "", signal)) } : one,
        ),
      );
    },
    image,
    load: (write, signal) => api.post("/images/load?quiet=1", write, signal),
  };
}
