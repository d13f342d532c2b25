import { access } from "node:fs/promises";
import { fullName, type ImageName } from "@stowage/oci";
import { engineMissing, type Engine } from "./engine.ts";
import { askLoader, runLoader, type Loader } from "./run-loader.ts";

/** ctr's own default. */
const USUAL_SOCKET = "/run/containerd/containerd.sock";

/**
 * containerd, through ctr, which goes by `CONTAINERD_ADDRESS` and `CONTAINERD_NAMESPACE`.
 * @param platform which layers are unpacked; by itself ctr takes this machine's
 */
export function openContainerd(environment: NodeJS.ProcessEnv, platform: string): Engine {
  const loader = (...words: string[]): Loader => ({
    engine: "containerd",
    program: "ctr",
    words,
    environment,
  });
  return {
    name: "containerd",
    form: "oci",
    fullNames: true,
    async inspect(signal) {
      await requireSocket(environment["CONTAINERD_ADDRESS"] || USUAL_SOCKET);
      const blobs = new Set((await askLoader(loader("content", "ls", "-q"), signal)).split("\n"));
      const names = (await askLoader(loader("images", "ls", "-q"), signal)).split("\n");
      return {
        hasRepository: (name) => names.some((other) => other.startsWith(repositoryOf(name))),
        findLayers: (layers) => layers.map((layer) => layer !== undefined && blobs.has(layer.digest)),
      };
    },
    load: async (write, signal) =>
      (await runLoader(loader("images", "import", "--platform", platform, "-"), write, signal)).result,
    async findDigest(name, signal) {
      const listed = await askLoader(loader("images", "ls", `name=="${fullName(name)}"`), signal);
      return /\ssha256:[0-9a-f]{64}\s/.exec(listed)?.[0].trim();
    },
  };
}

/** Where there is no socket, ctr waits ten seconds for it. */
async function requireSocket(address: string): Promise<void> {
  const path = address.replace(/^unix:\/\//, "");
  if (!path.startsWith("/")) return;
  await access(path).catch((cause: unknown) => {
    throw engineMissing("containerd", `there is no socket ${path}`, {
      hint: "Start it, or say where it is with CONTAINERD_ADDRESS.",
      cause,
    });
  });
}

function repositoryOf(name: ImageName): string {
  const full = fullName(name);
  return full.slice(0, full.lastIndexOf(":") + 1);
}
