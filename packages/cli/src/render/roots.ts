import type { RootShare, StoreRoots } from "@stowage/core";
import { formatCount } from "./count.ts";
import type { View } from "./ls.ts";
import { formatSize } from "./size.ts";
import { renderPath, shortName } from "./store-path.ts";
import { renderTable, type Column } from "./table.ts";
import type { Style } from "./style.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** A root's own line, or one of those below it. */
interface Row {
  readonly root?: RootShare;
  readonly text: string;
}

/** Roots with what each frees and holds, below each what holds it and its links; the totals last. */
export function renderRoots({ roots, total, shared, settings }: StoreRoots, { limit, style }: View): string {
  if (roots.length === 0) return "the store has no garbage collector roots\n";
  const shown = roots.slice(0, limit);
  const rest = roots.length - shown.length;
  const number = (title: string, of: (root: RootShare) => string): Column<Row> => ({
    title,
    align: "right",
    cell: ({ root }) => (root === undefined ? "" : of(root)),
  });
  const columns: Column<Row>[] = [
    number("frees", ({ frees }) => formatSize(frees)),
    number("paths", ({ freesPaths }) => String(freesPaths)),
    number("closure", ({ closureSize }) => formatSize(closureSize)),
    { title: "root", align: "left", cell: ({ text }) => text },
  ];
  const table = renderTable(
    columns,
    shown.flatMap((root) => rootRows(root, style)),
    style,
  );
  const more = rest === 0 ? "" : `… and ${formatCount(rest, "more root")}\n`;
  const whole = `${formatCount(roots.length, "root")} of ${formatSize(total)}`;
  const kept = [
    ...(settings.keepDerivations ? ["derivations (keep-derivations)"] : []),
    ...(settings.keepOutputs ? ["their outputs (keep-outputs)"] : []),
  ];
  const also = kept.length === 0 ? "" : `; with ${kept.join(" and ")}, as Nix is set up`;
  return `${table}${more}${whole}, of which ${formatSize(shared)} would stay whichever one is removed${also}\n`;
}

function rootRows(root: RootShare, style: Style): Row[] {
  const [holder, ...others] = root.heldBy;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  const held = holder === undefined ? [] : [`held by ${shortName(holder)}${more}`];
  return [
    { root, text: renderPath(root.path, style) },
    ...[...held, ...root.links.map(terminalSafe)].map((text) => ({ text: `  ${style.dim(text)}` })),
  ];
}
