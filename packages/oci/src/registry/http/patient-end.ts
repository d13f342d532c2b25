import type { Socket } from "node:net";

const AGAIN_MILLISECONDS = 5;

type Listener = (...words: unknown[]) => void;

/**
 * Lets a socket's end wait until whoever reads the answer has taken what came before it. undici 7 ends the process where a server
 * hangs up behind an answer of which its parser still holds something back (nodejs/undici#5360, mended in 8): it asserts, before
 * anything else, in its listeners. A connection that is gone altogether has failed then.
 * @param socket one that stays open when the other side ends (`allowHalfOpen`), before undici listens to it
 */
export function waitForReader(socket: Socket): void {
  const on = socket.on.bind(socket) as (event: string, listener: Listener) => Socket;
  let fail: Listener = () => {};
  const patient = (event: string, listener: Listener): Socket => {
    const call: Listener = (...words) => listener.apply(socket, words);
    // Under its own name, by which it is taken away again (`EventEmitter.removeListener`).
    const onAs = (wrapped: Listener): Socket => on(event, Object.assign(wrapped, { listener }));
    switch (event) {
      case "end":
        return onAs(() => callWhenRead(socket, call));
      case "error":
        fail = call;
        // Of a connection that was reset undici believes that the answer may be whole; not of other failures.
        return onAs((error) => {
          if (!isCalled(() => call(error))) call(new Error("the connection was reset", { cause: error }));
        });
      case "close": {
        const failBefore = fail;
        return onAs((...words) => {
          if (isCalled(() => call(...words))) return;
          failBefore(new Error("the server hung up before its answer was read"));
          call(...words);
        });
      }
      default:
        return on(event, listener);
    }
  };
  Object.assign(socket, { on: patient });
}

function callWhenRead(socket: Socket, listener: Listener): void {
  if (socket.destroyed || isCalled(listener)) return;
  setTimeout(() => callWhenRead(socket, listener), AGAIN_MILLISECONDS);
}

/** Whether a listener did what it does, and did not assert that it can. */
function isCalled(call: () => void): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_ASSERTION") return false;
    throw error;
  }
}
