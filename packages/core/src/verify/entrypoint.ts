import type { VerifiedImage } from "@stowage/oci";
import { rootsIn } from "../build/config/root-labels.ts";
import type { VerifyFinding } from "./finding.ts";
import type { LayerStorePath } from "./store-visitor.ts";

type Config = NonNullable<VerifiedImage["contents"]["config"]>;

/** The absolute program that a container is started with; undefined where PATH decides. */
function programOf({ entrypoint, cmd }: Config): string | undefined {
  const [program] = [...entrypoint, ...cmd];
  return program?.startsWith("/") === true ? program : undefined;
}

/**
 * The places inside store paths that the program may turn out to be at, once the links on its way are known: what
 * follows any of its parts, and all that stands above that.
 */
export function watchedPlaces(config: Config | undefined): Set<string> {
  const program = config && programOf(config);
  const parts = program?.split("/").filter((part) => part !== "" && part !== ".") ?? [];
  const watched = new Set<string>();
  for (let start = 1; start < parts.length; start++) {
    for (let end = start + 1; end <= parts.length; end++) watched.add(parts.slice(start, end).join("/"));
  }
  return watched;
}

/** Whether an image's roots and the program it starts are in it. */
export function checkRoots(
  { contents, tree }: VerifiedImage,
  layers: readonly (readonly LayerStorePath[])[],
): VerifyFinding[] {
  const { config } = contents;
  if (config === undefined) return [];
  const paths = new Map(layers.flat().map((found) => [found.path as string, found]));
  const findings: VerifyFinding[] = rootsIn(config.labels)
    .filter((root) => !paths.has(root))
    .map((root) => ({
      code: "root-missing",
      message: "a label names it as a root, and no layer has it",
      path: root,
    }));
  const program = programOf(config);
  const watched = watchedPlaces(config);
  if (program !== undefined && !isThere(program)) {
    const message = `the image starts ${program}, which is not in it`;
    findings.push({ code: "entrypoint-missing", message });
  }
  return findings;

  /** Inside a store path only the watched places are known: what a link calls otherwise may be there. */
  function isThere(place: string): boolean {
    const end = tree.follow(Buffer.from(place).toString("latin1"));
    if (end === undefined) return false;
    if (end.rest === "") return true;
    const found = paths.get(`/${end.path}`);
    const rest = Buffer.from(end.rest, "latin1").toString();
    if (found === undefined) return false;
    const parts = rest.split("/");
    const above = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    return (
      !found.sawAll ||
      !watched.has(rest) ||
      found.seen.has(rest) ||
      above.some((part) => found.seen.get(part) === "symlink")
    );
  }
}
