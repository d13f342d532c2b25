import { OciError } from "../errors.ts";
import type { ImageSource } from "../source/image-source.ts";

/** An image that cannot be brought anywhere as it is. */
export function damaged({ place }: Pick<ImageSource, "place">, reason: string, cause?: unknown): OciError {
  return new OciError("image-corrupted", `'${place}' is not whole: ${reason}`, {
    path: place,
    cause,
    hint: "Look at it with stowage verify.",
  });
}
