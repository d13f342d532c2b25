/** A number of things for people: `1 path`, `2 paths`; `1 branch`, `2 branches` with `es`. */
export function formatCount(count: number, thing: string, plural = "s"): string {
  return `${count} ${thing}${count === 1 ? "" : plural}`;
}
