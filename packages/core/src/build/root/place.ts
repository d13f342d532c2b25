import { CoreError } from "../../errors.ts";

/**
 * Checks that a place of the image is absolute and normalised (no `//`, `.`, `..` or slash at the end, no NUL).
 * @param option what the user wrote, for the message
 * @throws CoreError `option-invalid`
 */
export function parsePlace(place: string, option: string): string {
  const parts = place.split("/").slice(1);
  const bad =
    !place.startsWith("/") ||
    place.includes("\0") ||
    parts.some((part) => part === "" || part === "." || part === "..");
  if (bad) {
    throw new CoreError("option-invalid", `${option}: '${place}' is not an absolute, normalised path`, {
      path: place,
      hint: "Write it from / on, without '.', '..', '//' or a slash at the end: /opt/app.",
    });
  }
  return place;
}

/** Whether `place` is `directory` itself or below it. */
export function isWithin(place: string, directory: string): boolean {
  return place === directory || place.startsWith(`${directory}/`);
}

/**
 * A place where the user may put something of their own: not in the store.
 * @throws CoreError `option-invalid`
 */
export function parseOwnPlace(place: string, option: string, storeDir: string): string {
  const parsed = parsePlace(place, option);
  if (isWithin(parsed, storeDir) || isWithin(storeDir, parsed)) {
    throw new CoreError("option-invalid", `${option}: '${place}' is in the way of the store (${storeDir})`, {
      path: place,
      hint: "Store paths come from the closure only; choose a place outside.",
    });
  }
  return parsed;
}

/**
 * Where the symlink to the first target goes.
 * @throws CoreError `option-invalid` when it is in the store, /tmp or /etc
 */
export function parseLink(place: string, storeDir: string): string {
  const parsed = parseOwnPlace(place, "--link", storeDir);
  const reserved = ["/tmp", "/etc"].find((directory) => isWithin(parsed, directory));
  if (reserved !== undefined) {
    throw new CoreError("option-invalid", `--link: '${place}' is in ${reserved}`, {
      path: place,
      hint: "Choose a place outside the store, /tmp and /etc, such as /result or /app.",
    });
  }
  return parsed;
}
