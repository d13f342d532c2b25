import type { ReadProgress } from "@stowage/core";
import type { ProgressView } from "../render/describe-progress.ts";
import type { Speaker } from "../speaker.ts";

/**
 * Shows how far a reading is, from when it is first told of it until all is read. For verbs that mostly answer at once, and read long
 * only where an image records nothing or digests and compressed sizes are asked for.
 */
export function showReading(speaker: Speaker): (progress: ReadProgress) => void {
  let view: ProgressView | undefined;
  return (progress) => {
    view ??= speaker.startProgress();
    view?.update(progress);
    if (progress.read < progress.total) return;
    view?.[Symbol.dispose]();
    view = undefined;
  };
}
