import type { ImageReport, Verdict, VerifyFinding, VerifyResult } from "@stowage/core";
import { formatSize } from "./size.ts";
import type { Style } from "./style.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** What was verified, image by image, what is wrong and where, and last the verdict. */
export function renderVerify(result: VerifyResult, style: Style): string {
  const lines = [
    ...result.images.flatMap((image) => describeImage(image, style)),
    ...describeStore(result),
    ...describeUnreferenced(result),
    ...result.findings.map((finding) => describeFinding(finding, style)),
    `${terminalSafe(result.image)}: ${style.bold(verdictOf(result))}`,
  ];
  return `${lines.join("\n")}\n`;
}

function describeImage(image: ImageReport, style: Style): string[] {
  const { names, imageId, manifestDigest, platform, layers, storePaths } = image;
  const title = names[0] ?? manifestDigest ?? imageId ?? "an image";
  const size = layers.reduce((sum, layer) => sum + layer.size, 0);
  const entries = layers.reduce((sum, layer) => sum + layer.entries, 0);
  const about = [
    ...(platform === undefined ? [] : [terminalSafe(platform)]),
    count(layers.length, "layer"),
    formatSize(size),
    count(entries, "entry", "entries"),
  ];
  const lines = [`${style.bold(terminalSafe(title))}  ${about.join(", ")}`];
  if (storePaths.length > 0)
    lines.push(`  ${count(storePaths.length, "store path")}: ${describeStatuses(image)}`);
  return lines;
}

const statuses = [
  ["matches-nix", "match Nix"],
  ["self-consistent", "are what the image's own record says"],
  ["unchecked", "nothing says what they should be"],
  ["failed", "failed"],
] as const;

function describeStatuses({ storePaths }: ImageReport): string {
  const parts = statuses.map(([status, words]) => {
    const matching = storePaths.filter((path) => path.status === status).length;
    return matching === 0 ? [] : [`${matching} ${words}`];
  });
  return parts.flat().join(", ");
}

function describeStore({ store, images }: VerifyResult): string[] {
  const paths = images.reduce((sum, image) => sum + image.storePaths.length, 0);
  if (store.asked || paths === 0) return [];
  return [`  Nix was not asked: ${terminalSafe(store.reason ?? "")}`];
}

function describeUnreferenced({ unreferenced }: VerifyResult): string[] {
  if (unreferenced.length === 0) return [];
  const size = unreferenced.reduce((sum, blob) => sum + blob.size, 0);
  return [`  ${count(unreferenced.length, "blob")} (${formatSize(size)}) that no image here refers to`];
}

/** `nar-hash-mismatch  layer 3, /nix/store/…-hello: its NAR hash is …`. */
function describeFinding(finding: VerifyFinding, style: Style): string {
  const { code, message, image, layer, member, path, entry } = finding;
  // An entry lies in its store path.
  const inside = entry ?? path;
  const places = [
    ...(image === undefined ? [] : [image]),
    ...(layer === undefined ? [] : [`layer ${layer}`]),
    ...(inside === undefined && member !== undefined ? [member] : []),
    ...(inside === undefined ? [] : [inside]),
  ];
  const where = places.length === 0 ? "" : `${terminalSafe(places.join(", "))}: `;
  return `${style.bold(code)}  ${where}${terminalSafe(message)}`;
}

const verdicts: Readonly<Record<Exclude<Verdict, "failed">, string>> = {
  "matches-nix": "matches Nix",
  "self-consistent": "self-consistent",
  unchecked: "well-formed; nothing says what its store paths should be",
  "well-formed": "well-formed",
};

function verdictOf({ verdict, findings }: VerifyResult): string {
  return verdict === "failed" ? count(findings.length, "finding") : verdicts[verdict];
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
