import type { ReportData, ReportPaths } from "../../src/report/report-data.ts";

/** A closure as the page asks about it: paths are positions. */
export class ClosureModel {
  readonly data: ReportData;
  readonly columns: ReportPaths;
  readonly count: number;
  readonly total: number;
  /** For each path the positions that refer to it, ascending. */
  readonly referrers: readonly (readonly number[])[];
  readonly isRoot: readonly boolean[];

  /** For each path what a search looks through. */
  readonly texts: readonly string[];

  constructor(data: ReportData) {
    this.data = data;
    this.columns = data.paths;
    this.count = data.paths.base.length;
    this.total = sum(data.paths.narSize);
    const referrers: number[][] = data.paths.base.map(() => []);
    for (const [position, targets] of data.paths.references.entries())
      for (const target of targets) referrers[target]?.push(position);
    this.referrers = referrers;
    const roots = new Set(data.roots);
    this.texts = this.positions.map((position) =>
      `${this.path(position)} ${this.label(position)}`.toLowerCase(),
    );
    this.isRoot = data.paths.base.map((_, position) => roots.has(position));
  }

  get positions(): number[] {
    return Array.from({ length: this.count }, (_, position) => position);
  }

  name(position: number): string {
    return this.columns.name[position] ?? "";
  }

  version(position: number): string {
    return this.columns.version[position] ?? "";
  }

  /** Empty for the main output. */
  output(position: number): string {
    const output = this.columns.output[position] ?? "out";
    return output === "out" ? "" : output;
  }

  /** `openssl 3.0.13 (dev)`. */
  label(position: number): string {
    const [version, output] = [this.version(position), this.output(position)];
    return `${this.name(position)}${version && ` ${version}`}${output && ` (${output})`}`;
  }

  /** In full, as on the disk. */
  path(position: number): string {
    return `${this.data.storeDir}/${this.columns.base[position] ?? ""}`;
  }

  narSize(position: number): number {
    return this.columns.narSize[position] ?? 0;
  }

  addedSize(position: number): number {
    return this.columns.addedSize[position] ?? 0;
  }

  closureSize(position: number): number {
    return this.columns.closureSize[position] ?? 0;
  }

  layer(position: number): number {
    return this.columns.layer[position] ?? -1;
  }

  references(position: number): readonly number[] {
    return this.columns.references[position] ?? [];
  }

  sizeOf(positions: Iterable<number>): number {
    let size = 0;
    for (const position of positions) size += this.narSize(position);
    return size;
  }

  /** How a layer is called: by the number that it has in the image. */
  layerLabel(index: number): string {
    const layer = this.data.layers.list[index];
    return layer === undefined ? "in no layer" : `Layer ${layer.number}`;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
