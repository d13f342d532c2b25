import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { fullFormats } from "ajv-formats/dist/formats.js";
import { expect, test } from "vitest";
import { sbom, type SbomOptions } from "@stowage/core";
import { forgeFiles, toArchive, type ForgeOptions } from "../../support/forge-image.ts";
import { registrationOf } from "../../support/closure-files.ts";
import { repository } from "../../support/repository.ts";
import { smallStoreImage } from "../../support/small-store-image.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const readJson = (path: string): object => JSON.parse(readFileSync(path, "utf8")) as object;

/** The schemas that the specification publishes, as the library carries them. */
function cycloneDxValidator(): ValidateFunction {
  const library = dirname(
    createRequire(join(repository, "packages/core/package.json")).resolve(
      "@cyclonedx/cyclonedx-library/package.json",
    ),
  );
  const schema = (name: string): object =>
    readJson(join(library, "res/schema", `${name}.SNAPSHOT.schema.json`));
  const formats = { ...fullFormats, "iri-reference": /^\S*$/, "idn-email": fullFormats.email };
  const ajv = new Ajv({ strict: false, validateFormats: true, formats });
  for (const name of ["spdx", "jsf-0.82", "cryptography-defs"])
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  return ajv.compile(schema("bom-1.6"));
}

/**
 * For CycloneDX the published schemas. SPDX's come with no package that could be depended on: its rules are transcribed from
 * `schemas/spdx-schema.json` of github.com/spdx/spdx-spec for documents with packages and relationships, fields, required ones and
 * enumerations as there, and stricter: no other field may be there, and times, identifiers and the name space have their form.
 */
const validators: Record<"cyclonedx" | "spdx", ValidateFunction> = {
  cyclonedx: cycloneDxValidator(),
  spdx: new Ajv2019({ strict: false }).compile(readJson(join(import.meta.dirname, "spdx-2.3.schema.json"))),
};

const text = registrationOf(
  {
    "app-1.0": ["libfoo++-2.1+dfsg=1?a_b", "openssl-3.0.7-dev"],
    "libfoo++-2.1+dfsg=1?a_b": ["glibc-2.38", "libfoo++-2.1+dfsg=1?a_b"],
    "openssl-3.0.7-dev": ["glibc-2.38"],
    "glibc-2.38": [],
  },
  { "app-1.0": 900, "libfoo++-2.1+dfsg=1?a_b": 800, "openssl-3.0.7-dev": 700, "glibc-2.38": 600 },
);

interface Written {
  readonly text: string;
  readonly document: Record<string, never>;
}

async function write(options: Partial<SbomOptions>): Promise<Written> {
  const written = await sbom({ targets: [], text, environment: {}, ...options });
  const document = JSON.parse(written) as Record<string, never>;
  const validator = validators[options.format ?? "cyclonedx"];
  expect(validator(document), JSON.stringify(validator.errors)).toBe(true);
  return { text: written, document };
}

interface CycloneDx {
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp?: string; readonly component: { "bom-ref": string } };
  readonly components: {
    readonly type: string;
    readonly name: string;
    readonly version: string;
    readonly purl: string;
    readonly "bom-ref": string;
    readonly properties: { readonly name: string; readonly value: string }[];
  }[];
  readonly dependencies: { readonly ref: string; readonly dependsOn?: string[] }[];
}

interface Spdx {
  readonly documentNamespace: string;
  readonly creationInfo: { readonly created: string };
  readonly packages: { readonly SPDXID: string; readonly name: string; readonly comment?: string }[];
  readonly relationships: {
    readonly spdxElementId: string;
    readonly relationshipType: string;
    readonly relatedSpdxElement: string;
  }[];
}

const nameOf = (ref: string): string => ref.replace(/^SPDXRef-/, "").slice(33);

test("CycloneDX: a component for each path, what it depends on, valid by the published schema", async () => {
  const { components, dependencies, metadata, serialNumber } = (await write({}))
    .document as unknown as CycloneDx;
  const listed = components.map(({ name, version, purl, type }) => [name, version, purl, type]);
  expect(listed.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1))).toEqual([
    ["app", "1.0", "pkg:nix/app@1.0", "application"],
    ["glibc", "2.38", "pkg:nix/glibc@2.38", "library"],
    ["libfoo++", "2.1+dfsg=1?a_b", "pkg:nix/libfoo%2B%2B@2.1%2Bdfsg%3D1%3Fa_b", "library"],
    ["openssl", "3.0.7", "pkg:nix/openssl@3.0.7?output=dev", "library"],
  ]);
  const needs = Object.fromEntries(
    dependencies.map(({ ref, dependsOn = [] }) => [
      ref.includes(":") ? ref : nameOf(ref),
      dependsOn.map(nameOf).toSorted(),
    ]),
  );
  expect(needs).toEqual({
    "closure:app": ["app-1.0"],
    "app-1.0": ["libfoo++-2.1+dfsg=1?a_b", "openssl-3.0.7-dev"],
    "libfoo++-2.1+dfsg=1?a_b": ["glibc-2.38"],
    "openssl-3.0.7-dev": ["glibc-2.38"],
    "glibc-2.38": [],
  });
  expect(metadata.component).toMatchObject({ "bom-ref": "closure:app", name: "app", version: "1.0" });
  expect(metadata.timestamp).toBeUndefined();
  expect(serialNumber).toMatch(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});

test("SPDX: a package for each path and one for the whole, valid by the schema's rules", async () => {
  const { packages, relationships, creationInfo } = (await write({ format: "spdx" }))
    .document as unknown as Spdx;
  expect(packages.map(({ name }) => name).toSorted()).toEqual(["app", "app", "glibc", "libfoo++", "openssl"]);
  const ids = packages.map(({ SPDXID }) => SPDXID);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { spdxElementId, relatedSpdxElement } of relationships)
    for (const id of [spdxElementId, relatedSpdxElement]) expect([...ids, "SPDXRef-DOCUMENT"]).toContain(id);
  const count = (type: string): number =>
    relationships.filter((each) => each.relationshipType === type).length;
  expect({
    describes: count("DESCRIBES"),
    contains: count("CONTAINS"),
    dependsOn: count("DEPENDS_ON"),
  }).toEqual({
    describes: 1,
    contains: 3,
    dependsOn: 1 + 4,
  });
  expect(creationInfo.created).toBe("1970-01-01T00:00:01Z");
});

test.each(["cyclonedx", "spdx"] as const)(
  "%s: the same bytes again; another serial number for anything else, or each time where that is asked for",
  async (format) => {
    const { text: first } = await write({ format });
    expect((await write({ format })).text).toBe(first);
    const serial = (written: string): string => /urn:uuid:([0-9a-f-]{36})/.exec(written)?.[1] ?? "";
    const others = [
      await write({ format, text: text.replace("\n900\n", "\n901\n") }),
      await write({ format, created: "2026-01-02T03:04:05.678Z" }),
      await write({ format, randomSerial: true }),
      await write({ format, randomSerial: true }),
    ].map(({ text: written }) => serial(written));
    expect(new Set([serial(first), ...others]).size).toBe(5);
    const timed = await write({
      format,
      created: "source-date-epoch",
      environment: { SOURCE_DATE_EPOCH: "86400" },
    });
    expect(timed.text).toMatch(/"1970-01-02T00:00:00(\.000)?Z"/);
    await expect(write({ format, created: "yesterday" })).rejects.toMatchObject({ code: "option-invalid" });
  },
);

test("an image: the layer of each path, with its digests, whether the image records its paths or not", async () => {
  const { layers, options } = smallStoreImage([
    {
      baseName: `${"a".repeat(32)}-hello-1`,
      files: { x: `/nix/store/${"b".repeat(32)}-lib-2` },
      references: [`${"b".repeat(32)}-lib-2`],
    },
    { baseName: `${"b".repeat(32)}-lib-2`, files: { lib: "lib" } },
  ]);
  const rooted: ForgeOptions = {
    config: (config) => ({
      ...(options.config?.(config) as object),
      config: { Labels: { "stowage.root.1": `/nix/store/${"a".repeat(32)}-hello-1` } },
    }),
  };
  const folder = temporaryFolder();
  const texts = [];
  for (const [index, each] of [rooted, {}].entries()) {
    const image = join(folder, `${index}.tar`);
    const files = forgeFiles(layers, each);
    writeFileSync(image, toArchive(files));
    const { document } = await write({ targets: [image], text: undefined });
    const { components, metadata, dependencies } = document as unknown as CycloneDx;
    expect(metadata.component).toMatchObject({ type: "container" });
    expect(dependencies.find(({ ref }) => ref.endsWith("-hello-1"))?.dependsOn).toEqual([
      `${"b".repeat(32)}-lib-2`,
    ]);
    const digests = [...files.keys()]
      .filter((name) => name.startsWith("blobs/"))
      .map((name) => `sha256:${name.slice(13)}`);
    const layersOf = components.map(({ name, properties }) => [
      name,
      ...properties.filter((property) => property.name.startsWith("stowage:layer")).map(({ value }) => value),
    ]);
    expect(layersOf).toEqual([
      ["hello", digests[0], digests[0], "0"],
      ["lib", digests[1], digests[1], "1"],
    ]);
    texts.push(components);
    const spdx = (await write({ targets: [image], text: undefined, format: "spdx" }))
      .document as unknown as Spdx;
    expect(spdx.packages[1]?.comment).toContain(`layer 0; layer digest ${digests[0]}`);
  }
  expect(texts[0]).toEqual(texts[1]);
});
