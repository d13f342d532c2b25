import type { LayerReason, PlannedLayer, PlanResult, Upgrade, UpgradeCause } from "@stowage/core";
import { formatSize } from "./size.ts";
import type { Style } from "./style.ts";
import { renderTable } from "./table.ts";
import { terminalSafe } from "./terminal-safe.ts";

const NAMED_PACKAGES = 4;

const reasons: Readonly<Record<LayerReason, string>> = {
  alone: "alone",
  kept: "kept as it was",
  "change-together": "change together",
  small: "too small for layers of their own",
  limit: "no layers left",
};

/** The layers from the bottom up, the totals, and what an upgrade sends. */
export function renderPlan(
  plan: PlanResult,
  { limit, style }: { readonly limit: number | undefined; readonly style: Style },
): string {
  const rows = plan.layers.map((layer, index) => ({ layer, number: index + 1 }));
  // Where not all are shown, those that cost most are.
  const costly = rows.toSorted(
    (a, b) => b.layer.expectedBytes - a.layer.expectedBytes || a.number - b.number,
  );
  const shown = limit === undefined ? rows : costly.slice(0, limit).toSorted((a, b) => a.number - b.number);
  const sent = new Set(plan.upgrade?.sent.layers);
  const table = renderTable(
    [
      { title: "layer", align: "right", cell: ({ number }) => String(number) },
      { title: "size", align: "right", cell: ({ layer }) => formatSize(layer.size) },
      { title: "sent", align: "right", cell: ({ layer }) => formatShare(layer.likelihood) },
      { title: "a release", align: "right", cell: ({ layer }) => formatSize(layer.expectedBytes) },
      ...(plan.upgrade === undefined
        ? []
        : [
            {
              title: "upgrade",
              align: "left" as const,
              cell: ({ number }: { number: number }) => (sent.has(number - 1) ? "sends" : "keeps"),
            },
          ]),
      { title: "packages", align: "left", cell: ({ layer }) => describePackages(layer, style) },
    ],
    shown,
    style,
  );
  const more = rows.length === shown.length ? "" : `… and ${rows.length - shown.length} more layers\n`;
  return `${table}${more}${renderTotals(plan)}${plan.upgrade === undefined ? "" : renderUpgrade(plan, plan.upgrade)}`;
}

function formatShare(likelihood: number): string {
  const percent = likelihood * 100;
  return `${percent > 0 && percent < 1 ? "<1" : String(Math.round(percent))} %`;
}

function describePackages({ packages, paths, reason }: PlannedLayer, style: Style): string {
  const names = packages.map(({ name, version }) =>
    terminalSafe(version === "" ? name : `${name} ${version}`),
  );
  const shown = names.slice(0, NAMED_PACKAGES).join(", ");
  const rest = names.length > NAMED_PACKAGES ? ` and ${names.length - NAMED_PACKAGES} more` : "";
  const why = paths.length === 1 ? "" : ` (${count(paths.length, "path")}: ${reasons[reason]})`;
  return `${style.bold(shown)}${rest}${style.dim(why)}`;
}

function renderTotals({ layers, totals, sizes, layering, base }: PlanResult): string {
  const about = sizes === "estimated" ? "about " : "";
  const note = sizes === "estimated" ? "; sizes are estimated from NAR sizes, the files being elsewhere" : "";
  return `${count(totals.paths, "path")} in ${count(layers.length, "layer")} (${layering}), ${about}${formatSize(totals.size)}; a release is expected to send ${formatSize(totals.expectedBytes)}, of which ${formatSize(Math.min(totals.expectedBytes, totals.leastExpectedBytes))} change${note}\n${base === undefined ? "" : renderBase(base)}`;
}

function renderBase({ from, layers, paths }: NonNullable<PlanResult["base"]>): string {
  return `on top of ${terminalSafe(from)}: ${count(layers, "layer")} more${paths.length === 0 ? "" : `, which have ${count(paths.length, "path")} already`}\n`;
}

function renderUpgrade({ layers }: PlanResult, upgrade: Upgrade): string {
  const { sent, kept, causes } = upgrade;
  const dragged = sent.draggedNarSize === 0 ? "" : `, ${formatSize(sent.draggedNarSize)} did not`;
  const what =
    sent.layers.length === 0
      ? "nothing but the image's last layer"
      : `${sent.layers.length} of ${count(layers.length, "layer")}, ${formatSize(sent.size)} (${formatSize(sent.changedNarSize)} changed${dragged})`;
  return `\nan upgrade from ${terminalSafe(upgrade.from)} sends ${what}; ${count(kept.layers, "layer")}, ${formatSize(kept.size)}, ${kept.layers === 1 ? "stays" : "stay"}\n${causes.map(renderCause).join("")}`;
}

function renderCause({ name, kind, versionsBefore, versionsAfter, paths, narSize }: UpgradeCause): string {
  const versions =
    kind === "changed" ? ` ${versionsBefore.join(", ")} → ${versionsAfter.join(", ")}` : ` ${kind}`;
  return `  ${terminalSafe(name + versions)}: ${count(paths, "path")}, ${formatSize(narSize)}\n`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
