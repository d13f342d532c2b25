import { narHashToHex, storePathBaseName, type StorePath } from "@stowage/nix";
import { purlOf, type Bill, type BillComponent, type BillSubject } from "./bill.ts";

/** The document has to say when it was made; where nobody asked for a time, what images say too. */
const NO_TIME = "1970-01-01T00:00:01Z";
const DOCUMENT = "SPDXRef-DOCUMENT";
const SUBJECT = "SPDXRef-subject";

/** A bill as SPDX 2.3 in JSON (https://spdx.github.io/spdx-spec/v2.3/). */
export function writeSpdx({ subject, components, created, serial, tool }: Bill): string {
  const relate = (from: string, relationshipType: string, to: string): object => ({
    spdxElementId: from,
    relationshipType,
    relatedSpdxElement: to,
  });
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT,
    name: subject.version === "" ? subject.name : `${subject.name}-${subject.version}`,
    documentNamespace: `urn:uuid:${serial}`,
    creationInfo: {
      created: (created ?? NO_TIME).replace(/\.\d+Z$/, "Z"),
      creators: [`Tool: ${tool.name}-${tool.version}`],
    },
    packages: [describeSubject(subject), ...components.map(describePackage)],
    relationships: [
      relate(DOCUMENT, "DESCRIBES", SUBJECT),
      ...components.map(({ path, isRoot }) =>
        relate(SUBJECT, subject.kind === "closure" && isRoot ? "DEPENDS_ON" : "CONTAINS", idOf(path)),
      ),
      ...components.flatMap(({ path, references }) =>
        references.map((reference) => relate(idOf(path), "DEPENDS_ON", idOf(reference))),
      ),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Letters, digits, dots and dashes; the hash keeps two paths apart whose names differ in others. */
function idOf(path: StorePath): string {
  return `SPDXRef-${storePathBaseName(path).replaceAll(/[^a-zA-Z0-9.-]/g, "-")}`;
}

/** What nothing here knows; the specification wants it said. */
const unknown = {
  downloadLocation: "NOASSERTION",
  filesAnalyzed: false,
  licenseConcluded: "NOASSERTION",
  licenseDeclared: "NOASSERTION",
  copyrightText: "NOASSERTION",
};

function describeSubject({ kind, name, version, digest }: BillSubject): object {
  const hex = digest?.replace(/^sha256:/, "");
  return {
    SPDXID: SUBJECT,
    name,
    ...(version === "" ? {} : { versionInfo: version }),
    ...unknown,
    ...(hex === undefined ? {} : { checksums: [{ algorithm: "SHA256", checksumValue: hex }] }),
    primaryPackagePurpose: kind === "image" ? "CONTAINER" : "APPLICATION",
  };
}

function describePackage(component: BillComponent): object {
  const { path, name, version, output, narHash, narSize, isRoot, layer } = component;
  const facts = [
    `output ${output}`,
    `NAR hash ${narHash}`,
    `NAR size ${narSize}`,
    ...(layer === undefined ? [] : [`layer ${layer.number}`]),
    ...(layer?.digest === undefined ? [] : [`layer digest ${layer.digest}`]),
    ...(layer?.diffId === undefined ? [] : [`layer diffID ${layer.diffId}`]),
  ];
  return {
    SPDXID: idOf(path),
    name,
    ...(version === "" ? {} : { versionInfo: version }),
    packageFileName: storePathBaseName(path),
    sourceInfo: path,
    ...unknown,
    // Of the path's NAR serialisation.
    checksums: [{ algorithm: "SHA256", checksumValue: narHashToHex(narHash) }],
    comment: facts.join("; "),
    externalRefs: [
      {
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: purlOf(component),
      },
    ],
    primaryPackagePurpose: isRoot ? "APPLICATION" : "LIBRARY",
  };
}
