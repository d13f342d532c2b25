import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasProgram } from "../support/programs.ts";
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
  /** Contenders that are not installed. */
  readonly missing: readonly string[];
}

export interface MeasureOptions {
  readonly rounds: number;
  /** Whether all that waits to be written to the disk is written before each run, so that none waits for another's. */
  readonly flush: boolean;
  /** Whether contenders that are the same as another but for a word run too. */
  readonly variants: boolean;
}

/** Runs all contenders of a row in turn, as many rounds as are asked for. */
export function measureRow(row: Row, { rounds, flush, variants }: MeasureOptions): MeasuredRow {
  const isThere = ({ needs }: Contender): boolean => needs === undefined || hasProgram(needs);
  const wanted = row.contenders.filter(({ isVariant }) => variants || !isVariant);
  const present = wanted.filter(isThere);
  const times = rounds * (row.roundsFactor ?? 1);
  const runs = Array.from({ length: times }, () => present.map((contender) => runOnce(contender, flush)));
  const contenders = present.map(({ name }, index): Measured => {
    const own = runs.map((round) => round[index] as Run);
    return {
      name,
      seconds: own.map((run) => run.seconds),
      processorSeconds: own.map((run) => run.processorSeconds),
      memory: Math.max(...own.map((run) => run.memory)),
      ratio: median(runs.map((round) => (round[index] as Run).seconds / (round[0] as Run).seconds)),
    };
  });
  const missing = wanted.filter((contender) => !isThere(contender)).map(({ name }) => name);
  return { question: row.question, contenders, missing };
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

function runOnce({ name, command, before, clock }: Contender, flush: boolean): Run {
  before?.();
  if (clock !== undefined) rmSync(clock, { force: true });
  if (flush) execFileSync("sync");
  const { stdout, stderr } = spawnSync("python3", [join(import.meta.dirname, "measure.py"), ...command], {
    encoding: "utf8",
  });
  const run = JSON.parse(stdout === "" ? '{"status":-1}' : stdout) as Run & { readonly status: number };
  if (run.status !== 0) throw new Error(`${name} ended with ${run.status}: ${stderr}`);
  const seconds = clock === undefined ? run.seconds : Number(readFileSync(clock, "utf8"));
  return { seconds, processorSeconds: run.processorSeconds, memory: run.memory * 1024 };
}
