import { fullName } from "@stowage/oci";
import type { Engine } from "./engine.ts";
import { askLoader, runLoader, type Loader } from "./run-loader.ts";

/** Podman, through its command; which storage, or which machine, its own settings say. */
export function openPodman(environment: NodeJS.ProcessEnv): Engine {
  const loader = (...words: string[]): Loader => ({
    engine: "podman",
    program: "podman",
    words,
    environment,
  });
  return {
    name: "podman",
    form: "docker",
    fullNames: true,
    async inspect(signal) {
      const listed = await askLoader(loader("image", "ls", "--no-trunc", "--quiet"), signal);
      const ids = [...new Set(listed.split("\n").filter((id) => /^(?:sha256:)?[0-9a-f]{64}$/.test(id)))];
      const images = ids.length === 0 ? [] : await inspectImages(loader("image", "inspect", ...ids), signal);
      const layers = new Set(images.flatMap(({ RootFS }) => RootFS?.Layers ?? []));
      const tags = images.flatMap(({ RepoTags }) => RepoTags ?? []);
      return {
        hasRepository(name) {
          const full = fullName(name);
          return tags.some((tag) => tag.startsWith(full.slice(0, full.lastIndexOf(":") + 1)));
        },
        // A layer is known by its own tar, whatever lies below it.
        findLayers: (wanted) => wanted.map((layer) => layer !== undefined && layers.has(layer.diffId)),
      };
    },
    load: async (write, signal) => (await runLoader(loader("load", "--quiet"), write, signal)).result,
    async findDigest(name, signal) {
      const id = await askLoader(loader("image", "inspect", "--format", "{{.Id}}", fullName(name)), signal);
      return `sha256:${id.trim()}`;
    },
  };
}

interface InspectedImage {
  readonly RootFS?: { readonly Layers?: readonly string[] };
  readonly RepoTags?: readonly string[] | null;
}

/** An image may have been removed since it was listed; nothing is known then, and all is sent. */
async function inspectImages(
  loader: Loader,
  signal: AbortSignal | undefined,
): Promise<readonly InspectedImage[]> {
  try {
    const images: unknown = JSON.parse(await askLoader(loader, signal));
    return Array.isArray(images) ? (images as InspectedImage[]) : [];
  } catch {
    signal?.throwIfAborted();
    return [];
  }
}
