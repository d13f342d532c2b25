import type { BudgetFailure, BudgetReport, Chain } from "@stowage/core";
import { formatCount } from "./count.ts";
import { formatSize } from "./size.ts";
import { shortName } from "./store-path.ts";
import type { Style } from "./style.ts";
import { terminalSafe } from "./terminal-safe.ts";

interface BudgetView {
  /** The budget's file. */
  readonly budget: string;
  readonly style: Style;
}

interface BudgetAnswer extends BudgetReport {
  readonly updated: boolean;
}

const titles: Readonly<Record<BudgetFailure["rule"], string>> = {
  closureSize: "closure size",
  imageSize: "image size",
  layers: "layers",
  largestPath: "largest path",
  forbidden: "forbidden package",
  allowedDuplicates: "duplicate package",
  growth: "growth",
};

/** Each failure with the measured number, the limit and why; then what was measured. */
export function renderBudget(
  { measured, failures, updated }: BudgetAnswer,
  { budget, style }: BudgetView,
): string {
  const { closureSize, imageSize, layers } = measured;
  const image =
    imageSize === undefined ? "" : `, image ${formatSize(imageSize)} in ${formatCount(layers ?? 0, "layer")}`;
  const verdict = failures.length === 0 ? "within budget" : `${failures.length} over budget`;
  const written = updated ? `${terminalSafe(budget)}: numbers turned down\n` : "";
  return `${failures.map((failure) => renderFailure(failure, style)).join("")}${written}${verdict}: closure ${formatSize(closureSize)}${image}\n`;
}

function renderFailure(
  { rule, unit, measured, limit, subject, chains }: BudgetFailure,
  style: Style,
): string {
  const amount = (value: number): string =>
    unit === "bytes" ? formatSize(value) : formatCount(value, unit === "layers" ? "layer" : "path");
  const about = subject === undefined ? "" : ` ${terminalSafe(subject)}`;
  // Sizes that look the same in one decimal differ in bytes.
  const exact =
    unit === "bytes" && amount(measured) === amount(limit) ? ` (${measured} > ${limit} bytes)` : "";
  const head = `${style.bold(`${titles[rule]}${about}`)}: ${amount(measured)}, limit ${amount(limit)}${exact}\n`;
  return head + chains.map((chain) => `  ${renderChain(chain)}\n`).join("");
}

function renderChain(chain: Chain): string {
  return chain.map(shortName).join(" → ");
}
