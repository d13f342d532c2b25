const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `12.3 MiB`, with a space that does not break. */
export function formatSize(bytes: number): string {
  const magnitude = Math.abs(bytes);
  const unit = magnitude < 1024 ? 0 : Math.min(Math.floor(Math.log2(magnitude) / 10), UNITS.length - 1);
  const value = bytes / 1024 ** unit;
  return `${unit === 0 ? value : value.toFixed(1)}\u00a0${UNITS[unit]}`;
}

/** `+12.3 MiB`, `−4 B`. */
export function formatDelta(bytes: number): string {
  return bytes < 0 ? `\u2212${formatSize(-bytes)}` : bytes > 0 ? `+${formatSize(bytes)}` : formatSize(0);
}

/** `12.3 %`; what is there and nearly nothing is `<0.1 %`. */
export function formatShare(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (100 * part) / whole;
  if (percent > 0 && percent < 0.1) return "<0.1\u00a0%";
  return `${percent === 100 ? 100 : percent.toFixed(1)}\u00a0%`;
}

/** `1 path`, `2 paths`, `12,000 paths`. */
export function formatCount(count: number, noun: string): string {
  return `${formatNumber(count)}\u00a0${noun}${count === 1 ? "" : "s"}`;
}

/** `12,000`. */
export function formatNumber(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

const VERSIONS = 5;

/** Versions in a row, of many the last; a package may have none. */
export function formatVersions(versions: readonly string[]): string {
  const shown = versions.slice(-VERSIONS).map((version) => (version === "" ? "no version" : version));
  const left = versions.length - shown.length;
  return `${left > 0 ? `${left} more, ` : ""}${shown.join(", ")}`;
}

/** `1.0 → 1.1`: what came in the place of what; what both have is left out. */
export function formatChange(before: readonly string[], after: readonly string[]): string {
  const gone = before.filter((version) => !after.includes(version));
  const come = after.filter((version) => !before.includes(version));
  if (before.length === 0 || (gone.length === 0 && come.length === 0)) return formatVersions(after);
  if (after.length === 0) return formatVersions(before);
  if (come.length === 0) return `without ${formatVersions(gone)}`;
  if (gone.length === 0) return `also ${formatVersions(come)}`;
  return `${formatVersions(gone)} \u2192 ${formatVersions(come)}`;
}

/** The same hue for the same package in every report, in degrees. */
export function hueOf(name: string): number {
  let hash = 2166136261;
  for (let index = 0; index < name.length; index++)
    hash = Math.imul(hash ^ name.charCodeAt(index), 16777619) >>> 0;
  return Math.round(((hash >>> 8) % 1024) * (360 / 1024));
}
