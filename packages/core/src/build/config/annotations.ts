import { CoreError } from "../../errors.ts";

const PREFIX = "org.opencontainers.image.";
/** The keys that the OCI image spec defines for an image (annotations.md, "Pre-Defined Annotation Keys"). */
const words = [
  "created",
  "authors",
  "url",
  "documentation",
  "source",
  "version",
  "revision",
  "vendor",
  "licenses",
  "title",
  "description",
  "base.digest",
  "base.name",
];
const links = ["url", "documentation", "source"];

/** What is said of an image as a whole. */
export interface ReadAnnotations {
  /** Of its manifest, keys in the order of their code units. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Those that people and registries look for in its labels too: Docker shows no annotations. */
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Reads annotations; a word of the OCI image spec, such as `source`, stands for its key in full.
 * @throws CoreError `option-invalid`
 */
export function readAnnotations(given: Readonly<Record<string, string>>): ReadAnnotations {
  const full = Object.entries(given).map(([key, value]) => [fullKey(key), value] as const);
  const keys = full.map(([key]) => key);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw invalid(twice, "it is given twice, once by its word");
  for (const [key, value] of full) checkAnnotation(key, value);
  const annotations = Object.fromEntries(full.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const labels = Object.fromEntries(Object.entries(annotations).filter(([key]) => key.startsWith(PREFIX)));
  return { annotations, labels };
}

function fullKey(key: string): string {
  if (words.includes(key)) return `${PREFIX}${key}`;
  if (key.includes(".")) return key;
  throw invalid(key, "it is neither a word of the OCI image spec nor a name with a dot", {
    hint: `Take ${words.slice(0, -2).join(", ")}, or a key such as com.example.ticket.`,
  });
}

function checkAnnotation(key: string, value: string): void {
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw invalid(key, "a key has printable characters and no spaces");
  const text = value.replaceAll(/[\n\t]/g, "");
  if (/\p{Cc}/u.test(text)) throw invalid(key, "its value has control characters");
  const link = links.find((word) => key === `${PREFIX}${word}`);
  if (link !== undefined && !URL.canParse(value))
    throw invalid(key, `'${value}' is no URL`, { hint: "Write it in full: https://example.org/team/app." });
}

function invalid(key: string, reason: string, options: { readonly hint?: string } = {}): CoreError {
  return new CoreError("option-invalid", `--annotation ${key}: ${reason}`, options);
}
