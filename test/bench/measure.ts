import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Contender, Row } from "./contender.ts";

/** What a contender took. */
export interface Measured {
  readonly name: string;
  /** On the clock, one number for each round. */
  readonly seconds: readonly number[];
  /** Of all processors together, one number for each round. */
  readonly processorSeconds: readonly number[];
  /** Largest resident set of its largest process, in bytes. */
  readonly memory: number;
  /** The median of all rounds' ratios: how many times as long as the first contender of the same round. */
  readonly ratio: number;
}

export interface MeasuredRow {
  readonly question: string;
  readonly contenders: readonly Measured[];
}

/** Runs all contenders of a row in turn, as many rounds as are asked for. */
export function measureRow(row: Row, rounds: number): MeasuredRow {
  const runs = Array.from({ length: rounds }, () => row.contenders.map(runOnce));
  const contenders = row.contenders.map(({ name }, index): Measured => {
    const own = runs.map((round) => round[index] as Run);
    return {
      name,
      seconds: own.map((run) => run.seconds),
      processorSeconds: own.map((run) => run.processorSeconds),
      memory: Math.max(...own.map((run) => run.memory)),
      ratio: median(runs.map((round) => (round[index] as Run).seconds / (round[0] as Run).seconds)),
    };
  });
  return { question: row.question, contenders };
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}

interface Run {
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly memory: number;
}

function runOnce({ name, command, before, clock }: Contender): Run {
  before?.();
  if (clock !== undefined) rmSync(clock, { force: true });
  // What the last one left to be written to the disk is not this one's to wait for.
  execFileSync("sync");
  const { stdout, stderr } = spawnSync("python3", [join(import.meta.dirname, "measure.py"), ...command], {
    encoding: "utf8",
  });
  const run = JSON.parse(stdout === "" ? '{"status":-1}' : stdout) as Run & { readonly status: number };
  if (run.status !== 0) throw new Error(`${name} ended with ${run.status}: ${stderr}`);
  const seconds = clock === undefined ? run.seconds : Number(readFileSync(clock, "utf8"));
  return { seconds, processorSeconds: run.processorSeconds, memory: run.memory * 1024 };
}
