import { median, type MeasuredRow } from "./measure.ts";
import type { Subject } from "./subject.ts";

/** The rows of one closure. */
export interface Results {
  readonly subject: Pick<Subject, "name" | "files" | "bytes"> & { readonly paths: number };
  readonly rows: readonly MeasuredRow[];
}

const headings = ["", "median s", "best s", "worst s", "× as long", "processor s", "MB/s", "MiB"];

/** Markdown tables, one for each closure. MB/s counts the closure's files, whatever was read of them. */
export function renderTables(results: readonly Results[]): string {
  return results.map(renderTable).join("\n");
}

function renderTable({ subject, rows }: Results): string {
  const size = `${subject.paths} paths, ${subject.files} files, ${(subject.bytes / 1e9).toFixed(2)} GB`;
  const lines = rows.flatMap((row) => [
    [`**${row.question}**`, ...headings.slice(1).map(() => "")],
    ...row.contenders.map(({ name, seconds, processorSeconds, memory, ratio }) => [
      name,
      ...[median(seconds), Math.min(...seconds), Math.max(...seconds), ratio].map((value) =>
        value.toFixed(2),
      ),
      median(processorSeconds).toFixed(2),
      (subject.bytes / 1e6 / median(seconds)).toFixed(0),
      (memory / 2 ** 20).toFixed(0),
    ]),
  ]);
  const rule = headings.map((_, index) => (index === 0 ? "---" : "---:"));
  const table = [headings, rule, ...lines].map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`,
  );
  return `${subject.name}: ${size}\n\n${table.join("\n")}\n`;
}
