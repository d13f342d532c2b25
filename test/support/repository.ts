import { join } from "node:path";

/** The checkout's root. */
export const repository: string = join(import.meta.dirname, "..", "..");
