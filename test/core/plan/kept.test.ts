import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plan, readImageClosure } from "@stowage/core";
import { narHashToHex } from "@stowage/nix";
import { registrationOf } from "../../support/closure-files.ts";
import { forgeFiles, toArchive } from "../../support/forge-image.ts";
import { pathInfoOf, storePathOf } from "../../support/graphs.ts";
import { smallStoreImage, type SmallPath } from "../../support/small-store-image.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MIB = 2 ** 20;

const text = registrationOf(
  { app: ["tool-2", "lib-1"], "tool-2": ["lib-1"], "lib-1": [] },
  { app: 9000, "tool-2": 20 * MIB, "lib-1": 30 * MIB },
);

function write(name: string, contents: string | Buffer): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, contents);
  return path;
}

test("a path that was built again to other bytes moves its layer, and is to blame; what depends on it stays", async () => {
  const previous = write(
    "plan.json",
    JSON.stringify({ schemaVersion: 1, ...(await plan({ targets: [], text })) }),
  );
  const hexOf = (name: string): string => narHashToHex(pathInfoOf(name, []).narHash);
  const again = text.replace(hexOf("lib-1"), hexOf("another"));
  expect(again).not.toBe(text);
  const { layers, upgrade } = await plan({ targets: [], text: again, previous });
  const sent = layers.filter((_, index) => upgrade?.sent.layers.includes(index));
  expect(sent.map(({ paths, reason }) => [paths, reason])).toEqual([[[storePathOf("lib-1")], "alone"]]);
  expect(upgrade?.sent).toMatchObject({ changedNarSize: 30 * MIB, draggedNarSize: 0 });
  expect(upgrade?.kept.layers).toBe(2);
  expect(upgrade?.causes).toEqual([
    {
      name: "lib",
      kind: "rebuilt",
      versionsBefore: ["1"],
      versionsAfter: ["1"],
      paths: 1,
      narSize: 30 * MIB,
    },
  ]);
  expect((await plan({ targets: [], text, previous })).upgrade?.sent.layers).toEqual([]);
});

test("layers of another program are not kept, though their paths are the same", async () => {
  const small: readonly SmallPath[] = [{ baseName: `${"a".repeat(32)}-app-1`, files: { f: "app" } }];
  const { layers, options } = smallStoreImage(small);
  const ours = write("ours.tar", toArchive(forgeFiles(layers, options)));
  const theirs = write("theirs.tar", toArchive(forgeFiles(layers)));
  const { closure } = await readImageClosure(ours);
  expect((await readImageClosure(theirs)).closure.paths.map(({ narHash }) => narHash)).toEqual(
    closure.paths.map(({ narHash }) => narHash),
  );
  const upgradeFrom = async (previous: string) => (await plan({ targets: [ours], previous })).upgrade;
  expect(await upgradeFrom(ours)).toMatchObject({ sent: { layers: [] }, kept: { layers: 1 } });
  // Nothing changed, and everything is sent.
  expect(await upgradeFrom(theirs)).toMatchObject({
    sent: { layers: [0], changedNarSize: 0 },
    kept: { layers: 0 },
    causes: [],
  });
});
