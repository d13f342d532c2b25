import { createServer, type Server } from "node:http";
import { askCat, CatServiceError } from "./cat-service.ts";
import { FortuneError, tellFortune } from "./fortune.ts";
import { greetingPage, offlinePage } from "./pages.ts";

export interface Settings {
  /** The `fortune` program. */
  readonly fortuneProgram: string;
  /** Base URL of the cat service. */
  readonly catService: string;
}

interface Answer {
  readonly status: number;
  readonly type: "text/html" | "text/plain";
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The service: `/`, `/cat` and `/health`. It is not listening yet. */
export function makeServer(settings: Settings): Server {
  return createServer((request, response) => {
    void answer(request.method ?? "GET", request.url ?? "/", settings).then(
      ({ status, type, body, headers }) => {
        const bytes = Buffer.from(body);
        response.writeHead(status, {
          "content-type": `${type}; charset=utf-8`,
          "content-length": bytes.length,
          "cache-control": "no-store",
          ...headers,
        });
        response.end(request.method === "HEAD" ? undefined : bytes);
      },
    );
  });
}

async function answer(method: string, url: string, settings: Settings): Promise<Answer> {
  const routes: Readonly<Record<string, () => Answer | Promise<Answer>>> = {
    "/": () => html(greetingPage()),
    "/cat": () => cat(settings),
    "/health": () => text(200, "ok"),
  };
  const path = url.split("?", 1)[0] as string;
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return text(404, `there is nothing at ${path}; the cat is at /cat`);
  if (method !== "GET" && method !== "HEAD")
    return { ...text(405, "only GET and HEAD"), headers: { allow: "GET, HEAD" } };
  try {
    return await route();
  } catch (error) {
    console.error(error);
    return text(500, "something went wrong");
  }
}

async function cat({ fortuneProgram, catService }: Settings): Promise<Answer> {
  let fortune: string;
  try {
    fortune = await tellFortune(fortuneProgram);
  } catch (error) {
    if (!(error instanceof FortuneError)) throw error;
    console.error(error.message);
    return text(503, `no fortune today: ${error.message}`);
  }
  try {
    return html(await askCat(catService, fortune));
  } catch (error) {
    if (!(error instanceof CatServiceError)) throw error;
    console.error(`the cat service does not answer: ${error.message}`);
    return html(offlinePage(fortune));
  }
}

function html(body: string): Answer {
  return { status: 200, type: "text/html", body };
}

function text(status: number, body: string): Answer {
  return { status, type: "text/plain", body: `${body}\n` };
}
