import { familiarName, type ImageName } from "@stowage/oci";
import { DockerApi } from "./docker-api.ts";
import { dockerByApi } from "./docker-by-api.ts";
import { dockerByClient } from "./docker-by-client.ts";
import { findDocker } from "./docker-host.ts";
import type { DockerRoute } from "./docker-route.ts";
import { nothingKnown, type Engine, type EngineContents } from "./engine.ts";

/**
 * Docker's engine, through its socket, or through Docker's client where it is spoken to over SSH or TLS.
 * @throws CoreError `engine-missing`, `engine-failed`
 */
export async function openDocker(environment: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Engine> {
  const address = await findDocker(environment);
  const route = address.kind === "client" ? dockerByClient(environment) : dockerByApi(new DockerApi(address));
  const common: Pick<Engine, "name" | "fullNames" | "load" | "findDigest"> = {
    name: "docker",
    fullNames: false,
    load: (write, signal) => route.load(write, signal),
    findDigest: async (name, signal) => (await route.image(familiarName(name), signal))?.Id,
  };
  // It is asked even where nothing is to be known, so that one that is not there is told before anything is made.
  return hasContentStore(await route.info(signal))
    ? { ...common, form: "oci", inspect: async () => nothingKnown }
    : { ...common, form: "docker", inspect: (signal) => inspect(route, signal) };
}

async function inspect(route: DockerRoute, signal: AbortSignal | undefined): Promise<EngineContents> {
  const images = await route.images(signal);
  const tags = images.flatMap(({ RepoTags }) => RepoTags ?? []);
  const stacks = images.map(({ RootFS }) => RootFS?.Layers ?? []);
  return {
    hasRepository: (name) => tags.some((tag) => isOfRepository(tag, name)),
    findLayers(layers) {
      // A layer is known by all that lies below it too.
      const count = Math.max(0, ...stacks.map((stack) => countShared(stack, layers)));
      return layers.map((_, index) => index < count);
    },
  };
}

/**
 * With containerd's store (Docker 24 and later) an image goes by its manifest, which a layout keeps. Which blobs are there nobody can
 * ask: what an image has unpacked may have come compressed, and without the blob it could not be pushed from there.
 */
function hasContentStore(info: unknown): boolean {
  const { DriverStatus } = (info ?? {}) as { readonly DriverStatus?: unknown };
  return JSON.stringify(DriverStatus ?? null).includes("io.containerd.snapshotter");
}
function countShared(stack: readonly string[], layers: Parameters<EngineContents["findLayers"]>[0]): number {
  const differing = layers.findIndex((layer, index) => layer === undefined || layer.diffId !== stack[index]);
  return differing === -1 ? layers.length : differing;
}

function isOfRepository(tag: string, name: ImageName): boolean {
  const familiar = familiarName(name);
  return tag.startsWith(familiar.slice(0, familiar.lastIndexOf(":") + 1));
}
