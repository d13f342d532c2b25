import { NixError } from "../errors.ts";

/** A NAR that is wrong at a byte of the stream, counted from 0. */
export function narError(position: number, what: string): NixError {
  return new NixError("nar-invalid", `not a NAR: ${what}, at byte ${position}`, {
    position,
    hint: "It was damaged or cut off on its way, or is something else: fetch it again, or from elsewhere.",
  });
}
