import { parentPort, type Transferable } from "node:worker_threads";

/** What ends a thread that has nothing to do. */
export const END = "end";

/** Does the tasks that a worker thread is given, one after another, until it is told to end. */
export function serveTasks(
  serve: (task: unknown, answer: (message: unknown, transfer?: readonly Transferable[]) => void) => void,
): void {
  const port = parentPort;
  if (port === null) throw new Error("tasks are served in a worker thread only");
  port.on("message", (task: unknown) => {
    if (task === END) port.close();
    else serve(task, (message, transfer = []) => port.postMessage(message, transfer));
  });
}
