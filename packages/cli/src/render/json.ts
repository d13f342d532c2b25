/** The version of every document that `--json` prints; the schemas lie in `schema/`. */
const SCHEMA_VERSION = 1;

/** What JSON may hold as it is, but a terminal would take for more than text: see `terminalSafe`. */
const unsafe = /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** An answer as one JSON document, which may be printed to a terminal. */
export function renderJson(answer: object): string {
  const text = JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...answer }, null, 2);
  return `${text.replaceAll(unsafe, escape)}\n`;
}

/** Such characters stand in strings only. */
function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
