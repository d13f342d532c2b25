import { setTimeout as sleep } from "node:timers/promises";

/** Asks a URL until something answers; gives up after a minute. */
export async function waitForAnswer(url: string): Promise<Response> {
  for (let tries = 0; ; tries++) {
    try {
      return await fetch(url);
    } catch (error) {
      if (tries >= 1200) throw error;
      await sleep(50);
    }
  }
}

/** Waits until something is so; gives up after a minute. */
export async function waitUntil(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries >= 6000) throw new Error(`it never was so: ${isSo.toString()}`);
    await sleep(10);
  }
}
