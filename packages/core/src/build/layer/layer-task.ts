import { NixError, type NixErrorCode } from "@stowage/nix/thread";
import { OciError, type Digest, type OciErrorCode } from "@stowage/oci/thread";
import type { SharedRing } from "./chunk-ring.ts";
import type { StoreLayerContent } from "./store-entries.ts";
import type { FilePlace } from "./write-chunks.ts";

/** What a worker thread is asked: how large a layer's tar is, to write it somewhere or nowhere, or to fill a ring with it. */
export type LayerTask = { readonly type: "size"; readonly content: StoreLayerContent } | ReadTask;

export type ReadTask = {
  readonly content: StoreLayerContent;
  /** Whether each path's NAR hash is recomputed from the bytes that are read. */
  readonly check: boolean;
} & (
  | { readonly type: "write"; readonly place: FilePlace | undefined }
  | { readonly type: "read"; readonly ring: SharedRing }
);

/** What each task gives. */
export interface LayerResults {
  readonly size: SizedLayer;
  /** The plain tar's SHA-256. */
  readonly write: Digest;
  /** All of it is in the ring. */
  readonly read: undefined;
}

/** How large a layer is, and what was seen on the way. */
export interface SizedLayer {
  /** Bytes of the plain tar. */
  readonly size: number;
  /** What each tree holds; undefined where that would be much. */
  readonly listings: readonly Uint8Array<ArrayBuffer>[] | undefined;
}

/** What it answers: bytes that are written or filled in, any number of times, then one end. */
export type LayerAnswer =
  | { readonly type: "bytes"; readonly bytes: number }
  | { readonly type: "done"; readonly result: LayerResults[LayerTask["type"]] }
  | { readonly type: "failed"; readonly error: PackedError };

/** An error as plain data: a structured clone keeps no class and no code. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly hint: string | undefined;
  readonly path: string | undefined;
  readonly position: number | undefined;
  /** Of a failed system call. */
  readonly syscall: string | undefined;
  readonly errno: number | undefined;
  readonly cause: PackedError | undefined;
}

export function packError(thrown: unknown): PackedError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code, hint, path, position, syscall, errno } = error as {
    code?: string;
    hint?: string;
    path?: string;
    position?: number;
    syscall?: string;
    errno?: number;
  };
  const cause = error.cause === undefined ? undefined : packError(error.cause);
  const { name, message, stack } = error;
  return { name, message, stack, code, hint, path, position, syscall, errno, cause };
}

/** The error again, of the class it was. */
export function unpackError(packed: PackedError): Error {
  const { hint, path, position } = packed;
  const cause = packed.cause === undefined ? undefined : unpackError(packed.cause);
  if (packed.name === "NixError")
    return new NixError(packed.code as NixErrorCode, packed.message, { hint, path, position, cause });
  if (packed.name === "OciError")
    return new OciError(packed.code as OciErrorCode, packed.message, { hint, path, cause });
  const error = new Error(packed.message, { cause });
  const { name, code, syscall, errno, stack } = packed;
  return Object.assign(error, { name, code, path, stack }, syscall === undefined ? {} : { syscall, errno });
}
