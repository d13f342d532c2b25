import { EventEmitter } from "node:events";
import type { WriteStream } from "node:tty";
import { expect, test } from "vitest";
import type { Progress } from "../../packages/cli/src/render/describe-progress.ts";
import { ProgressLine } from "../../packages/cli/src/render/progress-line.ts";
import { isLogged, LOG_MILLISECONDS, ProgressLog } from "../../packages/cli/src/render/progress-log.ts";

const writing = (written: number): Progress => ({ phase: "write", written, total: 100 << 20 });

test("a log gets a line now and then, with what, how much, how fast and how long", () => {
  const lines: string[] = [];
  let now = 0;
  using log = new ProgressLog(
    (line) => lines.push(line),
    () => now,
  );
  log.update({ phase: "query" });
  log.update(writing(0));
  for (; now < 2.5 * LOG_MILLISECONDS; now += 1000)
    log.update(writing((now / LOG_MILLISECONDS) * (20 << 20)));
  expect(lines).toEqual([
    "stowage: packing 20%  20.0 MiB of 100.0 MiB  682.7 KiB/s  2:00 left",
    "stowage: packing 40%  40.0 MiB of 100.0 MiB  682.7 KiB/s  1:30 left",
  ]);
});

test("what comes out of caches has its amount and its rate, from where the phase began", () => {
  const lines: string[] = [];
  let now = 0;
  using log = new ProgressLog(
    (line) => lines.push(line),
    () => now,
  );
  log.update({ phase: "fetch", received: 0 });
  now = LOG_MILLISECONDS;
  log.update({ phase: "fetch", received: 60 << 20 });
  log.update({ ...writing(0), received: 60 << 20 } as Progress);
  now = 2 * LOG_MILLISECONDS;
  log.update({ ...writing(50 << 20), received: 75 << 20 } as Progress);
  expect(lines).toEqual([
    "stowage: fetching 60.0 MiB  2.0 MiB/s",
    "stowage: packing 50%  50.0 MiB of 100.0 MiB  1.7 MiB/s  0:30 left, fetched 75.0 MiB  512.0 KiB/s",
  ]);
});

test("what is done in less than that has no line", () => {
  const lines: string[] = [];
  using log = new ProgressLog(
    (line) => lines.push(line),
    () => LOG_MILLISECONDS - 1,
  );
  for (const done of [0, 50 << 20, 100 << 20]) log.update(writing(done));
  expect(lines).toEqual([]);
});

test("CI is what the services say of themselves", () => {
  const cases: [string | undefined, boolean][] = [
    ["true", true],
    ["1", true],
    ["woodpecker", true],
    ["false", false],
    ["0", false],
    ["", false],
    [undefined, false],
  ];
  for (const [CI, is] of cases) expect([CI, isLogged({ CI })]).toEqual([CI, is]);
});

test("a line is cut to the terminal's width, and taken away whole where that has become smaller", () => {
  const written: string[] = [];
  const stream = Object.assign(new EventEmitter(), {
    columns: 30,
    write: (text: string) => written.push(text),
  }) as unknown as WriteStream;
  const line = new ProgressLine(stream);
  line.update(writing(50 << 20));
  expect(written.splice(0)).toEqual(["\r\u001b[Kpacking 50%  50.0 MiB of 100."]);
  stream.columns = 12;
  stream.emit("resize");
  // Three rows of twelve columns have become of it.
  expect(written.splice(0)).toEqual(["\r\u001b[2A\u001b[Jpacking 50%"]);
  line.clear();
  expect(written.splice(0)).toEqual(["\r\u001b[K"]);
  stream.emit("resize");
  line[Symbol.dispose]();
  stream.emit("resize");
  expect(written).toEqual([]);
  expect(stream.listenerCount("resize")).toBe(0);
});
