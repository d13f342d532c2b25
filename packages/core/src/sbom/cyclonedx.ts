import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { narHashToHex, storePathBaseName } from "@stowage/nix";
import { purlOf, type Bill, type BillComponent, type BillSubject } from "./bill.ts";

/** A bill as CycloneDX 1.6 in JSON (ECMA-424, first edition); lists are sorted, so that the same bill gives the same bytes. */
export function writeCycloneDx({ subject, components, created, serial, tool }: Bill): string {
  const about = describeSubject(subject);
  const described = new Map(components.map((component) => [component.path, describeComponent(component)]));
  for (const { path, references, isRoot } of components) {
    const component = described.get(path) as Models.Component;
    if (isRoot) about.dependencies.add(component.bomRef);
    for (const reference of references) {
      const needed = described.get(reference);
      if (needed !== undefined) component.dependencies.add(needed.bomRef);
    }
  }
  const bom = new Models.Bom({
    serialNumber: `urn:uuid:${serial}`,
    components: new Models.ComponentRepository(described.values()),
    metadata: new Models.Metadata({
      component: about,
      ...(created === undefined ? {} : { timestamp: new Date(created) }),
      tools: new Models.Tools({
        components: new Models.ComponentRepository([
          new Models.Component(Enums.ComponentType.Application, tool.name, { version: tool.version }),
        ]),
      }),
    }),
  });
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  const text = new Serialize.JsonSerializer(factory).serialize(bom, { sortLists: true, space: 2 });
  return `${text}\n`;
}

function describeSubject({ kind, name, version, digest }: BillSubject): Models.Component {
  const isImage = kind === "image";
  const type = isImage ? Enums.ComponentType.Container : Enums.ComponentType.Application;
  return new Models.Component(type, name, {
    bomRef: `${kind}:${digest ?? name}`,
    ...(version === "" ? {} : { version }),
    ...(digest === undefined
      ? {}
      : { properties: new Models.PropertyRepository([new Models.Property("stowage:image:digest", digest)]) }),
  });
}

function describeComponent(component: BillComponent): Models.Component {
  const { path, name, version, output, narHash, narSize, isRoot, layer } = component;
  const properties: [string, string | undefined][] = [
    ["nix:store_path", path],
    ["nix:output", output],
    ["nix:nar_hash", narHash],
    ["nix:nar_size", String(narSize)],
    ["stowage:layer:number", layer === undefined ? undefined : String(layer.number)],
    ["stowage:layer:digest", layer?.digest],
    ["stowage:layer:diff_id", layer?.diffId],
  ];
  const type = isRoot ? Enums.ComponentType.Application : Enums.ComponentType.Library;
  return new Models.Component(type, name, {
    bomRef: storePathBaseName(path),
    ...(version === "" ? {} : { version }),
    purl: purlOf(component),
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-256"], narHashToHex(narHash)]]),
    properties: new Models.PropertyRepository(
      properties.flatMap(([key, value]) => (value === undefined ? [] : new Models.Property(key, value))),
    ),
  });
}
