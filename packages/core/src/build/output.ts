import { Writable } from "node:stream";
import { archiveSink, dockerArchiveSink, layoutSink, type Sink } from "@stowage/oci";
import { classifyOutput } from "@stowage/oci/internal";
import { CoreError } from "../errors.ts";
import type { ImageFormat, PackOptions } from "../pack-options.ts";

/** Where an image goes and in which form. */
export interface Output {
  readonly sink: Sink;
  readonly format: ImageFormat;
  /** Whether it is written from front to back. */
  readonly isStream: boolean;
  /** The path written to; undefined for a stream. */
  readonly path: string | undefined;
}

/**
 * Decides form and place: a stream, a FIFO or a device takes the streamed docker-archive, a file the archive.
 * @throws CoreError `option-invalid` when the form cannot be streamed, or where there is no file to leave unflushed
 * @throws OciError `output-unusable`
 */
export async function openOutput(
  { output, format, sync = true }: Pick<PackOptions, "output" | "format" | "sync">,
  packageName: string,
): Promise<Output> {
  if (output instanceof Writable) {
    requireStreamable(format, "a stream");
    if (!sync) throw nothingToSync("a stream is not flushed anyway");
    return { sink: dockerArchiveSink(output), format: "docker-archive", isStream: true, path: undefined };
  }
  const path = output ?? (format === "oci-dir" ? packageName : `${packageName}.tar`);
  if (format === "oci-dir") {
    if (!sync)
      throw nothingToSync("later packs rely on what a layout directory has", "take another --format");
    return { sink: layoutSink(path), format, isStream: false, path };
  }
  const kind = await classifyOutput(path);
  if (kind === "stream") requireStreamable(format, `'${path}', which is no regular file,`);
  if (kind === "stream" && !sync) throw nothingToSync(`'${path}' is not flushed anyway`);
  const chosen = format ?? (kind === "stream" ? "docker-archive" : "archive");
  const sink = chosen === "archive" ? archiveSink(path, { sync }) : dockerArchiveSink(path, { sync });
  return { sink, format: chosen, isStream: kind === "stream", path };
}

/** Whoever leaves out what is not done means something else. */
export function nothingToSync(reason: string, instead = "name a file with -o"): CoreError {
  return new CoreError("option-invalid", `--no-sync is for an archive in a file: ${reason}`, {
    hint: `Leave it out, or ${instead}.`,
  });
}

function requireStreamable(format: ImageFormat | undefined, place: string): void {
  if (format === undefined || format === "docker-archive") return;
  throw new CoreError("option-invalid", `--format ${format}: ${place} cannot take it`, {
    hint: "Only docker-archive can be streamed; give a file with -o, or leave --format out.",
  });
}
