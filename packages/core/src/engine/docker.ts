import { familiarName, type ImageName } from "@stowage/oci";
import { DockerApi } from "./docker-api.ts";
import { findDocker } from "./docker-host.ts";
import { nothingKnown, type Engine, type EngineContents } from "./engine.ts";
import { runLoader } from "./run-loader.ts";

/** So many images are asked for their layers; others are as if they were not there. */
const MOST_IMAGES = 100;

/** Docker's engine, through its socket, or through Docker's client where it is spoken to over SSH or TLS. */
export async function openDocker(environment: NodeJS.ProcessEnv): Promise<Engine> {
  const address = await findDocker(environment);
  const common = { name: "docker", form: "docker", fullNames: false } as const;
  if (address.kind === "client") {
    const loader = { engine: "docker", program: "docker", words: ["load", "-q"], environment } as const;
    return {
      ...common,
      inspect: async () => nothingKnown,
      load: async (write, signal) => (await runLoader(loader, write, signal)).result,
      findImageId: async () => undefined,
    };
  }
  const api = new DockerApi(address);
  return {
    ...common,
    inspect: (signal) => inspect(api, signal),
    load: (write, signal) => api.post("/images/load?quiet=1", write, signal),
    async findImageId(name, signal) {
      if (await hasContentStore(api, signal)) return undefined;
      const image = await api.get(`/images/${encodeURI(familiarName(name))}/json`, signal);
      const { Id } = (image ?? {}) as { readonly Id?: unknown };
      return typeof Id === "string" ? Id : undefined;
    },
  };
}

interface ListedImage {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
}

async function inspect(api: DockerApi, signal: AbortSignal | undefined): Promise<EngineContents> {
  // It is asked even where nothing is to be known, so that one that is not there is told before anything is made.
  if (await hasContentStore(api, signal)) return nothingKnown;
  const images = ((await api.get("/images/json", signal)) ?? []) as readonly ListedImage[];
  const tags = images.flatMap(({ RepoTags }) => RepoTags ?? []);
  const stacks = await Promise.all(
    images.slice(0, MOST_IMAGES).map(async ({ Id }) => {
      const image = await api.get(`/images/${encodeURI(Id)}/json`, signal);
      const { RootFS } = (image ?? {}) as { readonly RootFS?: { readonly Layers?: readonly string[] } };
      return RootFS?.Layers ?? [];
    }),
  );
  return {
    hasRepository: (name) => tags.some((tag) => isOfRepository(tag, name)),
    findLayers(layers) {
      // A layer is known by all that lies below it too.
      const count = Math.max(0, ...stacks.map((stack) => countShared(stack, layers)));
      return layers.map((_, index) => index < count);
    },
  };
}

/** With containerd's store an archive without all its layers is none. */
async function hasContentStore(api: DockerApi, signal: AbortSignal | undefined): Promise<boolean> {
  const info = (await api.get("/info", signal)) as { readonly DriverStatus?: unknown } | undefined;
  return JSON.stringify(info?.DriverStatus ?? null).includes("io.containerd.snapshotter");
}

function countShared(stack: readonly string[], layers: Parameters<EngineContents["findLayers"]>[0]): number {
  const differing = layers.findIndex((layer, index) => layer === undefined || layer.diffId !== stack[index]);
  return differing === -1 ? layers.length : differing;
}

function isOfRepository(tag: string, name: ImageName): boolean {
  const familiar = familiarName(name);
  return tag.startsWith(familiar.slice(0, familiar.lastIndexOf(":") + 1));
}
