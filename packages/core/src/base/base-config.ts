import { OciError } from "@stowage/oci";
import { readGivenConfig } from "../build/config/given-config.ts";
import { withoutRoots } from "../build/config/root-labels.ts";
import type { Base } from "./read-base-image.ts";

/** A base's config, as far as an image on top of it takes it over. */
export interface BaseConfig {
  /** How a container of it is started, but for the labels that are {@link BaseConfig.labels}' alone. */
  readonly container: Readonly<Record<string, unknown>>;
  readonly image: Readonly<Record<string, unknown>>;
  /** All its labels. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What runtimes take where an image has no PATH (moby, `DefaultPathEnv`). */
const USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Of a whole config what stays true with layers on top; how the base's own last container was is left out. */
const inherited = new Set(["author", "os.version", "os.features"]);

/**
 * Reads a base's config.
 * @throws OciError `image-corrupted` for one that is malformed
 */
export function readBaseConfig({ word, image }: Base): BaseConfig {
  const { container, image: whole } = readGivenConfig(
    image.config,
    (reason) =>
      new OciError("image-corrupted", `'${word}' cannot be a base: its config: ${reason}`, { path: word }),
  );
  const labels = (container["Labels"] ?? {}) as Record<string, string>;
  return {
    container: sorted({ ...container, Labels: withoutRoots(labels) }),
    image: sorted(Object.fromEntries(Object.entries(whole).filter(([key]) => inherited.has(key)))),
    labels,
  };
}

/** In an order of their own: tools write the same config in several. */
function sorted(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Where programs of a base are looked up. */
export function searchPathOf({ container }: BaseConfig): string[] {
  const env = (container["Env"] ?? []) as readonly string[];
  const path = env.findLast((setting) => setting.startsWith("PATH="))?.slice("PATH=".length);
  return (path === undefined || path === "" ? USUAL_PATH : path).split(":");
}

/** The instructions that a base wants run on top of it (Docker's ONBUILD), which only a builder can. */
export function triggersOf({ container }: BaseConfig): readonly unknown[] {
  const triggers = container["OnBuild"];
  return Array.isArray(triggers) ? triggers : [];
}
