import { OciError } from "../errors.ts";
import { FindingList } from "../finding.ts";
import type { Contents, ImageContents } from "./contents.ts";
import type { ImageSource, StoredBlob } from "./image-source.ts";
import { compareLists } from "./compare-lists.ts";
import { listDockerImages, readDockerImage, type DockerImage } from "./read-docker-manifest.ts";
import { readIndex } from "./read-index.ts";
import { readManifest } from "./read-manifest.ts";
import { readDocument, understand, type Reading } from "./reading.ts";
import { asFields, asText, type Fields } from "./shape.ts";

/** Members that `docker save` and skopeo write for Docker before version 1.10, next to what counts. */
const LEGACY_MEMBER = /^repositories$|^[0-9a-f]{64}\/(?:VERSION|json|layer\.tar)$/;
/** A config without any history is small. */
const LEGACY_CONFIG_BYTES = 1024 * 1024;

/**
 * Reads all that a source's documents say: its images, by `index.json` or, in a plain docker-archive, `manifest.json`.
 * Where there are both, they must tell the same.
 * @throws OciError `image-corrupted` when there is neither; `image-unreadable`
 */
export async function readContents(source: ImageSource, signal?: AbortSignal): Promise<Contents> {
  const reading: Reading = { source, findings: new FindingList(), referenced: new Set(), signal };
  const index = await source.member("index.json");
  const docker = await source.member("manifest.json");
  if (index === undefined && docker === undefined) throw noImage(source);
  const listed = docker === undefined ? [] : await readDockerList(reading, docker);
  const images: ImageContents[] = [];
  if (index === undefined) for (const image of listed) images.push(await readDockerImage(reading, image));
  else {
    images.push(...(await readIndexed(reading, index)));
    if (docker !== undefined) await compareLists(reading, images, listed);
  }
  if (images.length === 0 && reading.findings.all().length === 0)
    reading.findings.add("document-invalid", "it lists no image", { member: (index ?? docker)?.name ?? "" });
  const unreferenced = await findUnreferenced(reading);
  return { images, unreferenced, findings: [...source.irregularities, ...reading.findings.all()] };
}

async function readDockerList(reading: Reading, blob: StoredBlob): Promise<DockerImage[]> {
  const document = await readDocument(reading, blob, { where: { member: "manifest.json" } });
  return document === undefined ? [] : listDockerImages(reading, document);
}

async function readIndexed(reading: Reading, blob: StoredBlob): Promise<ImageContents[]> {
  await checkMarker(reading);
  const where = { member: "index.json" };
  const document = await readDocument(reading, blob, { where });
  const indexed = document === undefined ? [] : await readIndex(reading, document, where);
  const images: ImageContents[] = [];
  for (const image of indexed) images.push(await readManifest(reading, image));
  return images;
}

/** `oci-layout` (OCI image spec, image-layout.md): every layout says 1.0.0 so far. */
async function checkMarker(reading: Reading): Promise<void> {
  const where = { member: "oci-layout" };
  const document = await readDocument(reading, await reading.source.member("oci-layout"), { where });
  if (document === undefined) return;
  const version = understand(reading, where, () =>
    asText(asFields(document.value, "oci-layout")["imageLayoutVersion"], "imageLayoutVersion"),
  );
  if (version !== undefined && !version.startsWith("1.0."))
    reading.findings.add("document-invalid", "it has a version that nobody knows", where);
}

/** In an archive that is a finding; a layout may hold blobs of images that were there before (image-layout.md). */
async function findUnreferenced(reading: Reading): Promise<StoredBlob[]> {
  const { source, findings, referenced } = reading;
  const all = await source.list();
  const unreferenced = all.filter(({ name }) => !referenced.has(name) && !LEGACY_MEMBER.test(name));
  if (source.form !== "archive") return unreferenced;
  for (const blob of unreferenced) {
    if (!(await isLegacyConfig(reading, blob)))
      findings.add("blob-unreferenced", "nothing in the archive refers to it", { member: blob.name });
  }
  return unreferenced;
}

/** Docker from version 25 on saves, beside what counts, a config of the oldest form for each layer. */
async function isLegacyConfig(reading: Reading, blob: StoredBlob): Promise<boolean> {
  if (!blob.name.startsWith("blobs/sha256/") || blob.size > LEGACY_CONFIG_BYTES) return false;
  const document = await readDocument({ ...reading, findings: new FindingList() }, blob, { where: {} });
  const { id, rootfs } = (document?.value ?? {}) as Fields;
  return typeof id === "string" && /^[0-9a-f]{64}$/.test(id) && rootfs === undefined;
}

function noImage({ place, form, irregularities }: ImageSource): OciError {
  const [first] = irregularities;
  const missing = form === "archive" ? "it has neither index.json nor manifest.json" : "it has no index.json";
  const reason = `${missing}${first === undefined ? "" : `; ${first.message}`}`;
  return new OciError("image-corrupted", `'${place}' is not an image that can be read: ${reason}`, {
    path: place,
    hint: "Give an image archive or a layout directory, whole.",
  });
}
