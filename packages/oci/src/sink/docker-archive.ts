import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { Writable } from "node:stream";
import type {
  ImageDraft,
  LayerDraft,
  LayerWriteOptions,
  Sink,
  WrittenImage,
  WrittenLayer,
} from "../image-draft.ts";
import { OciError } from "../errors.ts";
import { hexOf, parseDigest } from "../spec/digest.ts";
import { encodeDockerManifest, sealImage } from "../spec/seal-image.ts";
import { AtomicFile } from "./atomic-file.ts";
import { encodeArchiveEnd, encodeMember, encodeMemberHeader, memberPadding } from "./member.ts";
import { withOutputErrors } from "./output-error.ts";
import { findOutputPlace } from "./output-place.ts";
import { openStreamOutput } from "./stream-output.ts";

/**
 * A docker-archive written from front to back in one pass, each store file read once. Layers need no digest for their
 * names and come before `manifest.json`, without which nothing loads: a stream that is cut off is no image.
 * @param output a path, or a stream; a stream is ended only if it was opened here
 */
export function dockerArchiveSink(output: string | Writable): Sink {
  if (output instanceof Writable) {
    return {
      write: (image, options = {}) =>
        withOutputErrors("the output", () => writeStream(output, image, options)),
    };
  }
  return {
    write: (image, options = {}) => withOutputErrors(output, () => writePath(output, image, options)),
  };
}

async function writePath(path: string, image: ImageDraft, options: LayerWriteOptions): Promise<WrittenImage> {
  const place = await findOutputPlace(path);
  if (place.kind === "file") {
    await using file = await AtomicFile.for(place.path);
    // By number: a stream of the handle itself would keep it from being closed.
    const stream = createWriteStream(place.path, { fd: file.handle.fd, autoClose: false });
    const written = await writeStream(stream, image, options);
    await finish(stream);
    options.signal?.throwIfAborted();
    await file.commit(place.path);
    return written;
  }
  const stream = await openStreamOutput(place, options.signal);
  try {
    const written = await writeStream(stream, image, options);
    await finish(stream);
    return written;
  } finally {
    stream.destroy();
  }
}

async function writeStream(
  stream: Writable,
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<WrittenImage> {
  const writer = new StreamWriter(stream, options.signal);
  const layers: WrittenLayer[] = [];
  for (const [index, layer] of image.layers.entries()) {
    layers.push(await writeLayerMember(writer, layerMember(index), layer, options));
  }
  const sealed = sealImage(image, layers);
  const configMember = `${hexOf(sealed.config.digest)}.json`;
  await writer.write(encodeMember(configMember, sealed.config.bytes));
  const members = layers.map((_, index) => layerMember(index));
  await writer.write(encodeMember("manifest.json", encodeDockerManifest(configMember, members, image.names)));
  await writer.write(encodeArchiveEnd(writer.length));
  return { imageId: sealed.config.digest, manifestDigest: sealed.manifest.digest, layers };
}

function layerMember(index: number): string {
  return `layers/${index}.tar`;
}

async function writeLayerMember(
  writer: StreamWriter,
  name: string,
  layer: LayerDraft,
  { signal, onBytes }: LayerWriteOptions,
): Promise<WrittenLayer> {
  const size = await layer.size(signal);
  const hash = createHash("sha256");
  await writer.write(encodeMemberHeader(name, size));
  let written = 0;
  for (const chunk of layer.chunks()) {
    written += chunk.length;
    if (written > size) break;
    hash.update(chunk);
    await writer.write(chunk);
    onBytes?.(chunk.length);
  }
  if (written !== size) {
    throw new OciError(
      "layer-inconsistent",
      `layer ${name} changed while it was read: it was ${size} bytes and is not any more`,
    );
  }
  await writer.write(memberPadding(size));
  const digest = parseDigest(`sha256:${hash.digest("hex")}`);
  return { diffId: digest, digest, size };
}

/** Writes one chunk at a time: the next may reuse the same memory, so each is waited for. */
class StreamWriter {
  length = 0;
  readonly #stream: Writable;
  readonly #signal: AbortSignal | undefined;

  constructor(stream: Writable, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#signal = signal;
    // A write's own callback tells of its failure; without a listener the same error would end the process.
    stream.on("error", () => {});
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(this.#signal?.reason);
    this.#signal?.addEventListener("abort", onAbort, { once: true });
    try {
      this.#stream.write(chunk, (error) => (error ? reject(error) : resolve()));
      await promise;
      this.length += chunk.length;
    } finally {
      this.#signal?.removeEventListener("abort", onAbort);
    }
  }
}

async function finish(stream: Writable): Promise<void> {
  const finished = once(stream, "finish");
  stream.end();
  await finished;
}
