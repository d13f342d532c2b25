import { eastAsianWidth } from "get-east-asian-width";

const clusters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** What a reader takes for single characters. */
export function graphemes(text: string): string[] {
  return Array.from(clusters.segment(text), ({ segment }) => segment);
}

/** How many columns of a terminal a text takes up. It has no control characters. */
export function displayWidth(text: string): number {
  if (isPlain(text)) return text.length;
  let width = 0;
  for (const cluster of graphemes(text)) width += clusterWidth(cluster);
  return width;
}

/** As much of a text as fits so many columns; what is left out is an ellipsis. */
export function clip(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (displayWidth(text) <= columns) return text;
  if (isPlain(text)) return `${text.slice(0, columns - 1)}…`;
  let clipped = "";
  let width = 0;
  for (const cluster of graphemes(text)) {
    width += clusterWidth(cluster);
    if (width > columns - 1) break;
    clipped += cluster;
  }
  return `${clipped}…`;
}

/** The text with spaces to fill so many columns, or clipped to them. */
export function fill(text: string, columns: number, align: "left" | "right" = "left"): string {
  const clipped = clip(text, columns);
  const space = " ".repeat(Math.max(0, columns - displayWidth(clipped)));
  return align === "left" ? clipped + space : space + clipped;
}

function isPlain(text: string): boolean {
  return /^[\u0020-\u007e]*$/.test(text);
}

/** What is put onto another character takes no room of its own; an emoji of several takes that of one. */
function clusterWidth(cluster: string): number {
  if (/^\p{RGI_Emoji}$/v.test(cluster)) return 2;
  if (/^[\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u.test(cluster)) return 0;
  return eastAsianWidth(cluster.codePointAt(0) as number);
}
