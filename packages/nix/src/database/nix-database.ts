import { NixError } from "../errors.ts";
import { narHashToHex } from "../nar-hash.ts";
import type { PathInfo } from "../path-info.ts";
import { MAX_ENTRY } from "./sqlite/b-tree.ts";
import type { Value } from "./sqlite/record.ts";
import { writeDatabase, type Part } from "./sqlite/write-database.ts";

/** The version of the tables below, as Nix has it in the file `schema` beside the database. */
export const NIX_SCHEMA_VERSION = 10;

/** When the paths were registered, in seconds: what Nix gives files of the store too. */
const REGISTRATION_TIME = 1;
/** Bytes of an index entry besides the path. */
const ENTRY_ROOM = 16;

/**
 * The database of a Nix store (`/nix/var/nix/db/db.sqlite`) in which some paths are valid. The same paths give the same
 * bytes. What differs between stores, such as derivers, signatures and times, is left out.
 * @param infos sorted by path; each reference is one of the paths
 * @throws NixError `path-invalid` for a path that is too long for an index
 */
export function nixDatabase(infos: readonly PathInfo[]): Uint8Array {
  const long = infos.find(({ path }) => Buffer.byteLength(path) > MAX_ENTRY - ENTRY_ROOM);
  if (long !== undefined)
    throw new NixError("path-invalid", `${long.path} is too long for a Nix database`, { path: long.path });
  const numbers = new Map(infos.map(({ path }, index) => [path, index + 1]));
  const references = infos.flatMap(({ path, references }) =>
    references.map((reference) => [numbers.get(path) as number, numbers.get(reference) as number] as const),
  );
  const refs = references.toSorted(([a, b], [c, d]) => a - c || b - d);
  const numbered = refs.map(([referrer, reference], index) => ({ referrer, reference, row: index + 1 }));
  return writeDatabase([
    {
      type: "table",
      name: "ValidPaths",
      sql: `CREATE TABLE ValidPaths (
    id integer primary key autoincrement not null,
    path text unique not null,
    hash text not null,
    registrationTime integer not null,
    deriver text,
    narSize integer,
    ultimate integer,
    sigs text,
    ca text
)`,
      rows: infos.map(validPath),
    },
    automatic(
      "ValidPaths",
      infos.map(({ path }, index) => [path, index + 1]),
    ),
    // What `autoincrement` counts up.
    {
      type: "table",
      name: "sqlite_sequence",
      sql: "CREATE TABLE sqlite_sequence(name,seq)",
      rows: [["ValidPaths", infos.length]],
    },
    {
      type: "table",
      name: "Refs",
      sql: `CREATE TABLE Refs (
    referrer integer not null,
    reference integer not null,
    primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade,
    foreign key (reference) references ValidPaths(id) on delete restrict
)`,
      rows: refs,
    },
    automatic(
      "Refs",
      numbered.map(({ referrer, reference, row }) => [referrer, reference, row]),
    ),
    {
      type: "index",
      name: "IndexReferrer",
      table: "Refs",
      sql: "CREATE INDEX IndexReferrer on Refs(referrer)",
      entries: numbered.map(({ referrer, row }) => [referrer, row]),
    },
    {
      type: "index",
      name: "IndexReference",
      table: "Refs",
      sql: "CREATE INDEX IndexReference on Refs(reference)",
      entries: numbered
        .toSorted((a, b) => a.reference - b.reference || a.row - b.row)
        .map(({ reference, row }) => [reference, row]),
    },
    // A path that refers to itself could not be deleted otherwise.
    {
      type: "trigger",
      name: "DeleteSelfRefs",
      table: "ValidPaths",
      sql: `CREATE TRIGGER DeleteSelfRefs before delete on ValidPaths
  begin
    delete from Refs where referrer = old.id and reference = old.id;
  end`,
    },
    {
      type: "table",
      name: "DerivationOutputs",
      sql: `CREATE TABLE DerivationOutputs (
    drv integer not null,
    id text not null,
    path text not null,
    primary key (drv, id),
    foreign key (drv) references ValidPaths(id) on delete cascade
)`,
      rows: [],
    },
    automatic("DerivationOutputs", []),
    {
      type: "index",
      name: "IndexDerivationOutputs",
      table: "DerivationOutputs",
      sql: "CREATE INDEX IndexDerivationOutputs on DerivationOutputs(path)",
      entries: [],
    },
  ]);
}

/** A row; its number is its place, and stands in no column. */
function validPath({ path, narHash, narSize }: PathInfo): readonly Value[] {
  return [null, path, `sha256:${narHashToHex(narHash)}`, REGISTRATION_TIME, null, narSize, null, null, null];
}

/** The index that a table brings itself. */
function automatic(table: string, entries: readonly (readonly Value[])[]): Part {
  return { type: "index", name: `sqlite_autoindex_${table}_1`, table, entries };
}
