import type { Chain, Occurrence, PreciseReference } from "@stowage/core";
import { renderPath } from "./store-path.ts";
import type { Style } from "./style.ts";
import { terminalSafe } from "./terminal-safe.ts";

interface ChainsView {
  /** Whether there are no more chains than these. */
  readonly complete: boolean;
  /** Where the chains' references are, where that was asked for. */
  readonly references: readonly PreciseReference[];
  readonly style: Style;
}

/** Chains as steps that lead down, with a blank line between chains. */
export function renderChains(chains: readonly Chain[], { complete, references, style }: ChainsView): string {
  const found = new Map(references.map((reference) => [`${reference.from} ${reference.to}`, reference]));
  const texts = chains.map((chain) =>
    chain
      .map((path, depth) => {
        const indent = depth === 0 ? "" : `${"   ".repeat(depth - 1)}└─ `;
        const reference = found.get(`${path} ${chain[depth + 1]}`);
        const below = "   ".repeat(depth);
        return `${indent}${renderPath(path, style)}\n${reference === undefined ? "" : renderReference(reference, below)}`;
      })
      .join(""),
  );
  const more = complete ? "" : "\n… and more; --limit N gives more of them\n";
  return texts.join("\n") + more;
}

function renderReference({ count, occurrences }: PreciseReference, indent: string): string {
  if (count === 0) return `${indent}   the reference is in no file: it was registered without being there\n`;
  const lines = occurrences.map((occurrence) => `${indent}   ${renderOccurrence(occurrence)}\n`);
  const rest = count - occurrences.length;
  return lines.join("") + (rest === 0 ? "" : `${indent}   … and ${rest} more places\n`);
}

const kinds: Readonly<Record<Occurrence["kind"], string>> = {
  rpath: "RPATH",
  runpath: "RUNPATH",
  interpreter: "interpreter",
  shebang: "shebang",
  text: "text",
  "embedded-string": "embedded string",
  "symlink-target": "symlink target",
  "file-name": "file name",
};

/** File names and excerpts come escaped already. */
function renderOccurrence({ file, offset, kind, excerpt }: Occurrence): string {
  const name = file === "" ? "(the path itself)" : file;
  return terminalSafe(`${name}, byte ${offset}, ${kinds[kind]}: ${excerpt}`);
}
