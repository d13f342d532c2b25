/** A number of things for people: `1 path`, `2 paths`; `1 branch`, `2 branches` with `es`; `1 entry`, `2 entries`. */
export function formatCount(count: number, thing: string, plural = "s", singular = ""): string {
  return `${count} ${thing}${count === 1 ? singular : plural}`;
}
