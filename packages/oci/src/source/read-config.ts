import { OciError } from "../errors.ts";
import type { HistoryEntry } from "../spec/config.ts";
import type { Digest } from "../spec/digest.ts";
import type { Platform } from "../spec/platform.ts";
import {
  asDigest,
  asFields,
  asOptionalFields,
  asOptionalList,
  asOptionalText,
  asPlatform,
  asText,
  asTexts,
  type Fields,
} from "./shape.ts";

/** What an image's config says (OCI image spec, config.md), as far as anybody here asks. */
export interface ConfigSummary extends Platform {
  /** The whole of it, as it is. */
  readonly document: Fields;
  readonly diffIds: readonly Digest[];
  readonly history: readonly HistoryEntry[];
  readonly labels: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** RFC 3339. */
  readonly created: string | undefined;
  readonly env: readonly string[];
  readonly workingDir: string | undefined;
  readonly user: string | undefined;
  /** `8080/tcp`. */
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal: string | undefined;
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** @throws OciError `image-corrupted` for one of another shape */
export function readConfig(value: unknown): ConfigSummary {
  const config = asFields(value, "the config");
  const rootfs = asFields(config["rootfs"], "rootfs");
  const container = asOptionalFields(config["config"], "config");
  const texts = (key: string): string[] =>
    asOptionalList(container[key], `config.${key}`).map((text) => asText(text, `config.${key}`));
  const text = (key: string): string | undefined =>
    asOptionalText(container[key], `config.${key}`) || undefined;
  const keys = (key: string): string[] => Object.keys(asOptionalFields(container[key], `config.${key}`));
  return {
    document: config,
    ...asPlatform(config, "the config"),
    diffIds: asOptionalList(rootfs["diff_ids"], "rootfs.diff_ids").map((id) =>
      asDigest(id, "rootfs.diff_ids"),
    ),
    history: asOptionalList(config["history"], "history").map(readHistory),
    labels: asTexts(container["Labels"], "config.Labels"),
    entrypoint: texts("Entrypoint"),
    cmd: texts("Cmd"),
    created: readTime(config["created"], "created"),
    env: texts("Env"),
    workingDir: text("WorkingDir"),
    user: text("User"),
    exposedPorts: keys("ExposedPorts"),
    volumes: keys("Volumes"),
    stopSignal: text("StopSignal"),
  };
}

function readHistory(value: unknown): HistoryEntry {
  const entry = asFields(value, "history");
  const text = (key: "created_by" | "comment"): Partial<HistoryEntry> => {
    const said = asOptionalText(entry[key], `history.${key}`);
    return said === undefined ? {} : { [key]: said };
  };
  const created = readTime(entry["created"], "history.created");
  return {
    ...(created === undefined ? {} : { created }),
    ...text("created_by"),
    ...text("comment"),
    ...(entry["empty_layer"] === true ? { empty_layer: true } : {}),
  };
}

/** Go writes a time that is not set as year 1, which the pattern takes. */
function readTime(value: unknown, what: string): string | undefined {
  const text = asOptionalText(value, what) || undefined;
  if (text !== undefined && !RFC_3339.test(text))
    throw new OciError(
      "image-corrupted",
      `${what} is not a time in RFC 3339: ${JSON.stringify(text.slice(0, 40))}`,
    );
  return text;
}
