import { PAGE_SIZE, type Pages } from "./pages.ts";
import { encodeRecord, encodeVarint, type Value } from "./record.ts";

// The kinds of b-tree pages, https://www.sqlite.org/fileformat2.html#b_tree_pages.
const TABLE = { leaf: 0x0d, interior: 0x05 } as const;
const INDEX = { leaf: 0x0a, interior: 0x02 } as const;

const LEAF_HEADER = 8;
const INTERIOR_HEADER = 12;
/** What points to a cell. */
const CELL_POINTER = 2;
const CHILD_POINTER = 4;

/** Bytes of an index's entry that need no further pages; a table's row may have more. */
export const MAX_ENTRY: number = Math.floor(((PAGE_SIZE - 12) * 64) / 255) - 23;

/**
 * Writes a table whose rows are numbered from 1 on.
 * @returns its root page
 */
export function writeTable(pages: Pages, rows: readonly (readonly Value[])[]): number {
  const cells = rows.map((row, index) => {
    const record = encodeRecord(row);
    return Buffer.concat([encodeVarint(record.length), encodeVarint(index + 1), record]);
  });
  const { groups } = divide(cells, PAGE_SIZE - LEAF_HEADER, false);
  let last = 0;
  const keys = groups.slice(0, -1).map((group) => encodeVarint((last += group.length)));
  return writeAbove(pages, { children: writeLeaves(pages, TABLE.leaf, groups), keys }, TABLE.interior);
}

/**
 * Writes an index.
 * @param entries in order, each with the number of its row last
 * @returns its root page
 */
export function writeIndex(pages: Pages, entries: readonly (readonly Value[])[]): number {
  const cells = entries.map((entry) => {
    const record = encodeRecord(entry);
    return Buffer.concat([encodeVarint(record.length), record]);
  });
  // What stands between two leaves of an index stands above them, and in no leaf.
  const { groups, between } = divide(cells, PAGE_SIZE - LEAF_HEADER, true);
  const children = writeLeaves(pages, INDEX.leaf, groups);
  return writeAbove(pages, { children, keys: between }, INDEX.interior);
}

/** Pages side by side, and the keys between them. */
interface Level {
  readonly children: readonly number[];
  readonly keys: readonly Buffer[];
}

function writeLeaves(pages: Pages, kind: number, groups: readonly (readonly Buffer[])[]): readonly number[] {
  return groups.map((cells) => pages.add(renderPage(cells, { kind })));
}

/** Writes the levels above one, up to a single page. */
function writeAbove(pages: Pages, { children, keys }: Level, kind: number): number {
  if (children.length === 1) return children[0] as number;
  const cells = keys.map((key, index) => Buffer.concat([pointer(children[index] as number), key]));
  const { groups, between } = divide(cells, PAGE_SIZE - INTERIOR_HEADER, true);
  let next = 0;
  const above = groups.map((group) => {
    next += group.length;
    // The child of the cell that goes up is the last of this page.
    const rightmost = children[next++] as number;
    return pages.add(renderPage(group, { kind, rightmost }));
  });
  return writeAbove(
    pages,
    { children: above, keys: between.map((cell) => cell.subarray(CHILD_POINTER)) },
    kind,
  );
}

function pointer(page: number): Buffer {
  const bytes = Buffer.alloc(CHILD_POINTER);
  bytes.writeUInt32BE(page);
  return bytes;
}

/**
 * Cells in groups that fit a page each; at least one group.
 * @param isLifted whether one cell is left out between two groups
 */
function divide(
  cells: readonly Buffer[],
  capacity: number,
  isLifted: boolean,
): { readonly groups: readonly (readonly Buffer[])[]; readonly between: readonly Buffer[] } {
  const groups: Buffer[][] = [];
  const between: Buffer[] = [];
  let group: Buffer[] = [];
  let used = 0;
  for (const cell of cells) {
    const size = cell.length + CELL_POINTER;
    if (used + size <= capacity) {
      group.push(cell);
      used += size;
      continue;
    }
    groups.push(group);
    group = isLifted ? [] : [cell];
    used = isLifted ? 0 : size;
    if (isLifted) between.push(cell);
  }
  const last = groups.at(-1);
  if (isLifted && group.length === 0 && last !== undefined) {
    // Nothing is left for the last group: it takes what was left out, and that comes from the group before.
    group = [between.pop() as Buffer];
    between.push(last.pop() as Buffer);
  }
  return { groups: [...groups, group], between };
}

/**
 * A page of a b-tree: header, pointers, free space, cells.
 * @param page.start bytes before the header, which the first page of a file has
 */
export function renderPage(
  cells: readonly Buffer[],
  page: { readonly kind: number; readonly rightmost?: number; readonly start?: number },
): Buffer {
  const { kind, rightmost, start = 0 } = page;
  const bytes = Buffer.alloc(PAGE_SIZE);
  let content = PAGE_SIZE;
  let pointers = start + (rightmost === undefined ? LEAF_HEADER : INTERIOR_HEADER);
  for (const cell of cells) {
    content -= cell.length;
    cell.copy(bytes, content);
    bytes.writeUInt16BE(content, pointers);
    pointers += CELL_POINTER;
  }
  bytes.writeUInt8(kind, start);
  bytes.writeUInt16BE(cells.length, start + 3);
  bytes.writeUInt16BE(content, start + 5);
  if (rightmost !== undefined) bytes.writeUInt32BE(rightmost, start + LEAF_HEADER);
  return bytes;
}
