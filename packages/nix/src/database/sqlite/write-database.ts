import { renderPage, writeIndex, writeTable } from "./b-tree.ts";
import { PAGE_SIZE, Pages } from "./pages.ts";
import { encodeRecord, encodeVarint, type Value } from "./record.ts";

/** What a database is made of, in the order in which it is defined. */
export type Part =
  | {
      readonly type: "table";
      readonly name: string;
      readonly sql: string;
      readonly rows: readonly (readonly Value[])[];
    }
  | {
      readonly type: "index";
      readonly name: string;
      readonly table: string;
      /** Missing for the index that a `unique` or a `primary key` of the table brings. */
      readonly sql?: string;
      /** In order, each with the number of its row last. */
      readonly entries: readonly (readonly Value[])[];
    }
  | { readonly type: "trigger"; readonly name: string; readonly table: string; readonly sql: string };

const FILE_HEADER = 100;
/** The leaf of a table. */
const TABLE_LEAF = 0x0d;
/** The program that wrote the file, as any number that SQLite once had: 3.8.0. It says nothing of the format. */
const WRITER_VERSION = 3_008_000;

/**
 * A database file, from nothing but what is in it: SQLite itself writes its version into each file, and lays pages out as
 * that version does. The format is https://www.sqlite.org/fileformat2.html.
 */
export function writeDatabase(parts: readonly Part[]): Buffer {
  const pages = new Pages();
  const definitions = parts.map((part): readonly Value[] => {
    const { type, name } = part;
    if (part.type === "table") return [type, name, name, writeTable(pages, part.rows), part.sql];
    if (part.type === "trigger") return [type, name, part.table, 0, part.sql];
    return [type, name, part.table, writeIndex(pages, part.entries), part.sql ?? null];
  });
  const cells = definitions.map((definition, index) => {
    const record = encodeRecord(definition);
    return Buffer.concat([encodeVarint(record.length), encodeVarint(index + 1), record]);
  });
  const first = renderPage(cells, { kind: TABLE_LEAF, start: FILE_HEADER });
  writeFileHeader(first, pages.count);
  return pages.join(first);
}

function writeFileHeader(page: Buffer, pageCount: number): void {
  page.write("SQLite format 3\0", 0, "latin1");
  page.writeUInt16BE(PAGE_SIZE, 16);
  // Written and read with a rollback journal: no second file has to be there.
  page.writeUInt8(1, 18);
  page.writeUInt8(1, 19);
  // Fractions that every file has.
  page.writeUInt8(64, 21);
  page.writeUInt8(32, 22);
  page.writeUInt8(32, 23);
  // How often the file was changed; the count of pages holds where the other one below is the same.
  page.writeUInt32BE(1, 24);
  page.writeUInt32BE(pageCount, 28);
  // How often the definitions were changed, and the newest form of rows.
  page.writeUInt32BE(1, 40);
  page.writeUInt32BE(4, 44);
  // UTF-8.
  page.writeUInt32BE(1, 56);
  page.writeUInt32BE(1, 92);
  page.writeUInt32BE(WRITER_VERSION, 96);
}
