import { DEFAULT_STORE_DIR } from "@stowage/nix";
import type { Contents } from "@stowage/oci";
import { readImageRecord } from "../verify/read-record.ts";

/** Where the store paths of a place's images lie: as the first record says, else in the usual place. */
export function storeDirOf({ images }: Contents): string {
  const records = images.map(({ config }) => readImageRecord(config?.history ?? []).record);
  return records.find((record) => record !== undefined)?.storeDir ?? DEFAULT_STORE_DIR;
}
