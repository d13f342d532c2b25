import { parseImageName, type ImageName } from "@stowage/oci";

/**
 * The image's names: as asked, else `<package name>:latest` with what a repository name cannot have made `-`.
 * @throws OciError `image-invalid` for a name that is not valid
 */
export function imageNames(tags: readonly string[] | undefined, packageName: string): ImageName[] {
  const asked = tags === undefined || tags.length === 0 ? [defaultName(packageName)] : tags;
  return [...new Set(asked)].map((tag) => parseImageName(tag));
}

/** The distribution grammar's path component: lower case letters and digits, single separators between them. */
function defaultName(packageName: string): string {
  const name = packageName
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]/g, "-")
    .replaceAll(/^[._-]+|[._-]+$/g, "")
    .replaceAll(/\.{2,}|_{3,}|[._-]*\.[._-]+|[._-]+\.[._-]*/g, (run) => (run === "." ? "." : "-"));
  return `${name === "" ? "image" : name}:latest`;
}
