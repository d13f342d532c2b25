import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { narHashToHex, nixDatabase, type PathInfo, type StorePath } from "@stowage/nix";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { pathInfoOf, storePathOf } from "../support/graphs.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "stowage-database-"));
afterAll(() => removeFolder(folder));

const closure = (references: Readonly<Record<string, readonly string[]>>): PathInfo[] =>
  Object.entries(references)
    .map(([name, targets], index) => pathInfoOf(name, targets, index * 1_000_003))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));

/** The database as SQLite reads it. */
function open(infos: readonly PathInfo[]): DatabaseSync {
  const file = join(folder, "db.sqlite");
  writeFileSync(file, nixDatabase(infos));
  const database = new DatabaseSync(file);
  // Nobody needs these files after a crash.
  database.exec("pragma synchronous = off; pragma journal_mode = memory");
  return database;
}

const all = (database: DatabaseSync, sql: string): Record<string, unknown>[] =>
  database
    .prepare(sql)
    .all()
    .map((row) => ({ ...row }));

/** What SQLite itself holds to be right of a file, and what is in it. */
function expectSound(database: DatabaseSync, infos: readonly PathInfo[]): void {
  expect(all(database, "pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
  expect(all(database, "pragma foreign_key_check")).toEqual([]);
  expect(all(database, "select * from ValidPaths order by id")).toEqual(
    infos.map(({ path, narHash, narSize }, index) => ({
      id: index + 1,
      path,
      hash: `sha256:${narHashToHex(narHash)}`,
      registrationTime: 1,
      deriver: null,
      narSize,
      ultimate: null,
      sigs: null,
      ca: null,
    })),
  );
  const pairs = all(
    database,
    "select a.path as a, b.path as b from Refs join ValidPaths a on a.id = referrer join ValidPaths b on b.id = reference",
  ).map(({ a, b }) => `${String(a)} ${String(b)}`);
  expect(pairs.toSorted()).toEqual(
    infos.flatMap(({ path, references }) => references.map((target) => `${path} ${target}`)).toSorted(),
  );
}

const small = { app: ["libc", "data"], libc: ["libc"], data: [] };

test("SQLite finds it sound, and in it what was put there", () => {
  using database = open(closure(small));
  expectSound(database, closure(small));
  const find = database.prepare("select id from ValidPaths where path = ?");
  for (const [index, { path }] of closure(small).entries())
    expect({ ...find.get(path) }).toEqual({ id: index + 1 });
  expect(find.get(storePathOf("other"))).toBeUndefined();
});

test("SQLite may change it: what is deleted takes its references along, what is new gets the next number", () => {
  using database = open(closure(small));
  database.exec("pragma foreign_keys = 1");
  const { path } = closure(small).find(({ path: each }) => each.endsWith("-app")) as PathInfo;
  expect(() => database.exec(`delete from ValidPaths where path = '${storePathOf("libc")}'`)).toThrow(
    /FOREIGN KEY/,
  );
  database.exec(`delete from ValidPaths where path = '${path}'`);
  database.exec(`delete from ValidPaths where path = '${storePathOf("libc")}'`);
  database.exec("insert into ValidPaths (path, hash, registrationTime) values ('/nix/store/new', 'x', 2)");
  expect(all(database, "select id from ValidPaths order by id").map(({ id }) => id)).toEqual([
    expect.any(Number),
    4,
  ]);
  expect(all(database, "select * from Refs")).toEqual([]);
  expect(all(database, "pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
});

test("however many paths and references, and however long their names", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,200}$/), { maxLength: 300, size: "max" });
  fc.assert(
    fc.property(names, fc.integer({ min: 0, max: 12 }), (paths, degree) => {
      const infos = closure(
        Object.fromEntries(
          paths.map((name, index) => [
            name,
            [
              ...new Set(
                Array.from(
                  { length: degree },
                  (_, step) => paths[(index * step * 7) % paths.length] as string,
                ),
              ),
            ],
          ]),
        ),
      );
      using database = open(infos);
      expectSound(database, infos);
    }),
    { numRuns: 12, seed: 9 },
  );
  for (const count of [0, 1, 3000]) {
    const infos = closure(
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [
          `p${index}`,
          index === 0 ? [] : ["p0", `p${index >> 1}`].slice(0, index),
        ]),
      ),
    ).map((info) => ({ ...info, references: [...new Set(info.references)] }));
    using database = open(infos);
    expectSound(database, infos);
    // A file that is changed everywhere stays sound.
    database.exec(
      "pragma foreign_keys = 0; delete from Refs where referrer % 3 = 0; delete from ValidPaths where id % 2 = 0",
    );
    expect(all(database, "pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
  }
});

test("every number of entries at the edges of pages", () => {
  // Leaves of the index of paths hold some 45 of these, so all ways to end a page are met.
  for (let count = 30; count < 110; count++) {
    const infos = closure(
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`path-${index + 100}`, []])),
    );
    using database = open(infos);
    expectSound(database, infos);
  }
});

test("the same bytes on every machine", () => {
  const bytes = nixDatabase(closure(small));
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(
    "dde044c9a4808a6e304f09825c6ed274c1c55f41513f3c2e43a48abc3eff551c",
  );
  expect(nixDatabase(closure(small))).toEqual(bytes);
});

test("a path that fits no page is refused", () => {
  const info = pathInfoOf("app", []);
  const path = `/${"x".repeat(1000)}${info.path}` as StorePath;
  expect(() => nixDatabase([{ ...info, path }])).toThrow(
    expect.objectContaining({
      code: "path-invalid",
      message: expect.stringMatching(/too long for a Nix database$/),
    }) as Error,
  );
});

describe.skipIf(!requirePrograms("nix-store"))("against Nix", () => {
  test("tables, columns, keys and indices are those of a database that Nix makes", () => {
    const root = temporaryFolder();
    execFileSync("nix-store", ["--store", `local?root=${root}`, "--add", import.meta.filename], {
      env: nixEnvironment,
      stdio: "ignore",
    });
    using theirs = new DatabaseSync(join(root, "nix/var/nix/db/db.sqlite"));
    using ours = open(closure(small));
    const shape = (database: DatabaseSync) => ({
      objects: all(
        database,
        "select type, name, tbl_name from sqlite_schema where tbl_name in ('ValidPaths', 'Refs', 'DerivationOutputs', 'sqlite_sequence') order by type, name",
      ),
      tables: ["ValidPaths", "Refs", "DerivationOutputs"].map((table) => ({
        columns: all(database, `pragma table_info(${table})`),
        keys: all(database, `pragma foreign_key_list(${table})`),
        indices: all(database, `pragma index_list(${table})`).map((index) => [
          index,
          all(database, `pragma index_xinfo(${String(index["name"])})`),
        ]),
      })),
      encoding: all(database, "pragma encoding"),
    });
    expect(shape(ours)).toEqual(shape(theirs));
  });
});
