import { serveCache } from "../support/cache-server.ts";

/** Serves a folder on loopback until it is ended, and prints the URL: `serve-cache.ts FOLDER`. Who measures has no time for it. */
const { url } = await serveCache(process.argv[2] ?? "");
process.stdout.write(`${url}\n`);
