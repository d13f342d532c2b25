import { OciError } from "../errors.ts";
import { FindingList, type Where } from "../finding.ts";
import type { Digest } from "../spec/digest.ts";
import { parseJson } from "../spec/parse-json.ts";
import { BlobCheck, compareBlob, type ExpectedBlob } from "./blob-check.ts";
import type { ImageSource, StoredBlob } from "./image-source.ts";

/** Largest document that is taken into memory, in bytes: a config with the record of 20,000 paths has about 10 MB. */
export const DOCUMENT_BYTES: number = 64 * 1024 * 1024;

/** The reading of a source's documents: what was found wrong, and what has been referred to. */
export interface Reading {
  readonly source: ImageSource;
  readonly findings: FindingList;
  /** Names of the blobs that something refers to. */
  readonly referenced: Set<string>;
  readonly signal: AbortSignal | undefined;
}

/** A document and its digest. */
export interface Document {
  readonly value: unknown;
  readonly digest: Digest;
}

/**
 * Reads a document; what is wrong with it becomes a finding, and it is undefined then.
 * @param blob undefined where there is none
 */
export async function readDocument(
  reading: Reading,
  blob: StoredBlob | undefined,
  { expected = {}, where }: { readonly expected?: ExpectedBlob; readonly where: Where },
): Promise<Document | undefined> {
  const { findings, referenced, signal } = reading;
  if (blob === undefined) {
    findings.add("document-missing", "it is not there", where);
    return undefined;
  }
  referenced.add(blob.name);
  if (blob.size > DOCUMENT_BYTES) {
    findings.add("document-invalid", `it has ${blob.size} bytes, more than any document`, where);
    return undefined;
  }
  if (blob.passed !== undefined) {
    for (const { code, message } of compareBlob(blob.passed, expected)) findings.add(code, message, where);
    findings.add("document-invalid", "it is no JSON", where);
    return undefined;
  }
  const check = new BlobCheck();
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of blob.chunks(signal)) {
      check.update(chunk);
      chunks.push(Buffer.from(chunk));
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
    findings.add("document-missing", "it is not there", where);
    return undefined;
  }
  const facts = check.finish();
  for (const { code, message } of compareBlob(facts, expected)) findings.add(code, message, where);
  const value = understand(reading, where, () => parseJson(Buffer.concat(chunks)));
  return value === undefined ? undefined : { value, digest: facts.digest };
}

/** Whether a registry does not have what it should. */
export function isMissing(error: unknown): boolean {
  return error instanceof OciError && error.code === "registry-missing";
}

/** Reads something out of a document; a wrong shape becomes a finding. */
export function understand<T>({ findings }: Reading, where: Where, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== "image-corrupted") throw error;
    findings.add("document-invalid", error.message, where);
    return undefined;
  }
}
