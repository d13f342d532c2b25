import type { ReportResult } from "@stowage/core";
import { formatCount } from "./count.ts";
import { formatSize } from "./size.ts";

/** What was written, and where. */
export function renderReport({ output, size, paths }: ReportResult): string {
  const where = output === undefined ? "" : ` to ${output}`;
  return `wrote a report of ${formatCount(paths, "store path")}${where}: ${formatSize(size)}`;
}
