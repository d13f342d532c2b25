// Prints what pnpm installs for the command to run, out of pnpm-lock.yaml: each package's name, version and integrity. The
// hash in packages/cli/nix/pnpm-deps.json is of these packages, and its `packages` is the SHA-256 of this text. No YAML reader is
// needed: the lockfile is written by pnpm alone, two blanks for each level.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const lines = readFileSync(join(import.meta.dirname, "../../pnpm-lock.yaml"), "utf8").split("\n");

/** The lines of a top-level section by their keys, two blanks in: quotes off. */
function readSection(name) {
  const begin = lines.indexOf(`${name}:`) + 1;
  if (begin === 0) throw new Error(`pnpm-lock.yaml has no ${name}`);
  const end = lines.findIndex((line, index) => index >= begin && /^\S/.test(line));
  const section = new Map();
  let current = [];
  for (const line of lines.slice(begin, end === -1 ? undefined : end)) {
    const [, key] = /^ {2}(\S.*?):(?: \{\})?$/.exec(line) ?? [];
    if (key === undefined) current.push(line);
    else section.set(unquote(key), (current = []));
  }
  return section;
}

function unquote(word) {
  return word.replace(/^'(.*)'$/, "$1");
}

/** `name@version` of each entry of `dependencies`, as an importer or a snapshot has them. */
function dependenciesOf(entry, indent) {
  const begin = entry.findIndex((line) => line === `${indent}dependencies:`);
  if (begin === -1) return [];
  const rest = entry.slice(begin + 1);
  const end = rest.findIndex((line) => !line.startsWith(`${indent}  `));
  const found = [];
  let name = "";
  for (const line of rest.slice(0, end === -1 ? undefined : end)) {
    const [, blanks, key, value = ""] = /^( +)(\S+?):(?: (.*))?$/.exec(line) ?? [];
    if (blanks.length === indent.length + 2) name = unquote(key);
    const isVersion = blanks.length === indent.length + 2 ? value !== "" : key === "version";
    if (isVersion && !value.startsWith("link:")) found.push(`${name}@${unquote(value)}`);
  }
  return found;
}

const importers = readSection("importers");
const packages = readSection("packages");
const snapshots = readSection("snapshots");
const wanted = ["cli", "core", "nix", "oci"].flatMap((name) =>
  dependenciesOf(importers.get(`packages/${name}`), "    "),
);
const seen = new Set(wanted);
for (const id of seen) {
  const snapshot = snapshots.get(id);
  if (snapshot === undefined) throw new Error(`pnpm-lock.yaml has no ${id}`);
  for (const dependency of dependenciesOf(snapshot, "    ")) seen.add(dependency);
}
const described = [...seen].map((id) => {
  const text = packages.get(id.replace(/\(.*/, ""))?.join("\n") ?? "";
  const [, integrity] = /integrity: ([^,}]+)/.exec(text) ?? [];
  if (integrity === undefined) throw new Error(`pnpm-lock.yaml has no integrity of ${id}`);
  return `${id} ${integrity}`;
});
process.stdout.write(`${described.toSorted().join("\n")}\n`);
