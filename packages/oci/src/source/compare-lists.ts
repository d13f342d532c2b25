import { FindingList } from "../finding.ts";
import type { ImageContents } from "./contents.ts";
import { listNames, type DockerImage } from "./read-docker-manifest.ts";
import { readDocument, type Reading } from "./reading.ts";

/**
 * Compares `manifest.json` with the images of `index.json`: which of them a loader goes by, nobody can know. What the
 * index alone lists below another index, or as an artifact, Docker has no words for.
 */
export async function compareLists(
  reading: Reading,
  images: readonly ImageContents[],
  listed: readonly DockerImage[],
): Promise<void> {
  const { findings } = reading;
  const matched = new Set<ImageContents>();
  for (const docker of listed) {
    const where = { member: "manifest.json" };
    const imageId = await digestOfConfig(reading, docker.config);
    const image = images.find(
      (candidate) => candidate.imageId !== undefined && candidate.imageId === imageId,
    );
    if (image === undefined) {
      findings.add("manifests-disagree", `it lists ${docker.config}, and index.json does not`, where);
      continue;
    }
    matched.add(image);
    const layers = await Promise.all(docker.layers.map((name) => reading.source.member(name)));
    const differs =
      layers.length !== image.layers.length ||
      layers.some((layer, index) => layer === undefined || layer.name !== image.layers[index]?.blob?.name);
    if (differs) findings.add("manifests-disagree", "its layers are not those of index.json", where);
    if (image.names.length > 0 && listNames(image.names) !== listNames(docker.names)) {
      const message = `it calls the image ${listNames(docker.names)}, and index.json ${listNames(image.names)}`;
      findings.add("manifests-disagree", message, where);
    }
  }
  for (const image of images) {
    if (image.isTop && !image.isArtifact && !matched.has(image)) {
      findings.add("manifests-disagree", `it lists ${image.title}, and manifest.json does not`, {
        member: "index.json",
      });
    }
  }
}

/** Without findings: they are found where the image itself is read. */
async function digestOfConfig(reading: Reading, member: string): Promise<string | undefined> {
  const blob = await reading.source.member(member);
  if (blob === undefined) return undefined;
  return (await readDocument({ ...reading, findings: new FindingList() }, blob, { where: {} }))?.digest;
}
