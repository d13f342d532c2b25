import type { FileRecord } from "./file-recorder.ts";
import { layOver, type HiddenFile, type PlacedFile } from "./visible-files.ts";

/** Bytes of files that an image holds and does not need. All sizes are bytes of files' contents. */
export interface Waste {
  /** All files of all layers. */
  readonly contentSize: number;
  /** What a container sees, the same contents at two places counted twice. */
  readonly visibleSize: number;
  /** What layers above overwrite or delete. */
  readonly hiddenSize: number;
  /** What contents that a container sees more than once take beyond their first copy. */
  readonly repeatedSize: number;
  /** `visibleSize` of `contentSize`, from 0 to 1; 1 where there are no files. */
  readonly efficiency: number;
  /** Largest first. */
  readonly hidden: readonly HiddenFile[];
  /** Most wasted first. */
  readonly repeated: readonly RepeatedContents[];
}

/** The same contents at several places, all of which a container sees. */
export interface RepeatedContents {
  /** Of one copy. */
  readonly size: number;
  /** Of all copies but one. */
  readonly wasted: number;
  /** From the bottom up. */
  readonly places: readonly PlacedFile[];
}

/**
 * Measures what an image's layers waste.
 * @param layers the files of each, from the bottom up
 * @throws OciError `tar-too-large`
 */
export function measureWaste(layers: readonly (readonly FileRecord[])[]): Waste {
  const { visible, hidden } = layOver(layers);
  const visibleSize = sum(visible, ({ record }) => record.size);
  const hiddenSize = sum(hidden, ({ record }) => record.size);
  const repeated = findRepeated(visible);
  const contentSize = visibleSize + hiddenSize;
  return {
    contentSize,
    visibleSize,
    hiddenSize,
    repeatedSize: sum(repeated, ({ wasted }) => wasted),
    efficiency: contentSize === 0 ? 1 : visibleSize / contentSize,
    hidden: hidden
      .filter(({ record }) => record.size > 0)
      .toSorted(
        (a, b) => b.record.size - a.record.size || compare(a.record.path, b.record.path) || a.layer - b.layer,
      ),
    repeated,
  };
}

function findRepeated(visible: readonly PlacedFile[]): RepeatedContents[] {
  const byContent = new Map<string, PlacedFile[]>();
  for (const file of visible) {
    const { size, content } = file.record;
    if (content === "") continue;
    const alike = byContent.get(`${size} ${content}`);
    if (alike === undefined) byContent.set(`${size} ${content}`, [file]);
    else alike.push(file);
  }
  return [...byContent.values()]
    .filter((places) => places.length > 1)
    .map((places) => {
      const { size } = (places[0] as PlacedFile).record;
      const sorted = places.toSorted((a, b) => a.layer - b.layer || compare(a.record.path, b.record.path));
      return { size, wasted: size * (places.length - 1), places: sorted };
    })
    .toSorted((a, b) => b.wasted - a.wasted || compare(firstPath(a), firstPath(b)));
}

function firstPath({ places }: RepeatedContents): string {
  return places[0]?.record.path ?? "";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sum<T>(list: readonly T[], of: (item: T) => number): number {
  return list.reduce((total, item) => total + of(item), 0);
}
