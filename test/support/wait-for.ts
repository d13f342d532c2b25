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
