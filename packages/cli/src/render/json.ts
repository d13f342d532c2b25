/** The version of every document that `--json` prints; the schemas lie in `schema/`. */
const SCHEMA_VERSION = 1;

/** An answer as one JSON document. */
export function renderJson(answer: object): string {
  return `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...answer }, null, 2)}\n`;
}
