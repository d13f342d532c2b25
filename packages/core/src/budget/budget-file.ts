import {
  findNodeAtLocation,
  getNodeValue,
  parseTree,
  printParseErrorCode,
  type Node,
  type ParseError,
} from "jsonc-parser";
import { CoreError } from "../errors.ts";
import { parseByteSize } from "./byte-size.ts";

/** What a closure or an image may be at most. Every rule may be left out. Sizes in bytes. */
export interface Budget {
  /** NAR size of the closure. */
  readonly closureSize?: number;
  /** Size of all layers of the image, uncompressed. */
  readonly imageSize?: number;
  readonly layers?: number;
  /** NAR size of a single path. */
  readonly largestPath?: number;
  /** Packages that may not be there: patterns for a name, or a name and version, with `*` and `?`. */
  readonly forbidden?: readonly string[];
  /** Packages that may be there more than once, as patterns; where the rule is there, no other may. */
  readonly allowedDuplicates?: readonly string[];
  /** How much the closure may have grown since the baseline was recorded. */
  readonly growth?: {
    /** NAR size of the closure then; missing until it is recorded. */
    readonly baseline?: number;
    readonly limit: { readonly bytes: number } | { readonly percent: number };
  };
}

/** The rules that hold one number, each a key of the file. */
export const numberRules = ["closureSize", "imageSize", "layers", "largestPath"] as const;

/**
 * Reads a budget: JSON in which comments and trailing commas are allowed. A size is a number of bytes or a text such as
 * `"150 MiB"`; growth is limited by a size or a percentage such as `"5%"`.
 * @throws CoreError `budget-invalid` with line and column
 */
export function parseBudget(text: string): Budget {
  const root = parseDocument(text);
  const fail = failAt(text);
  readKeys(root, [...numberRules, "forbidden", "allowedDuplicates", "growth"], fail);
  const at = <T>(key: string, read: (node: Node, fail: Fail) => T): T | undefined => {
    const node = findNodeAtLocation(root, [key]);
    return node && read(node, fail);
  };
  return withoutUndefined({
    closureSize: at("closureSize", readSize),
    imageSize: at("imageSize", readSize),
    layers: at("layers", readCount),
    largestPath: at("largestPath", readSize),
    forbidden: at("forbidden", readPatterns),
    allowedDuplicates: at("allowedDuplicates", readPatterns),
    growth: at("growth", readGrowth),
  });
}

type Fail = (node: { readonly offset: number }, problem: string) => never;

function parseDocument(text: string): Node {
  const errors: ParseError[] = [];
  const root = parseTree(text.replace(/^\uFEFF/, " "), errors, { allowTrailingComma: true });
  const [error] = errors;
  const fail = failAt(text);
  if (error !== undefined) fail(error, `is not JSON here: ${printParseErrorCode(error.error)}`);
  if (root === undefined) return fail({ offset: 0 }, "is empty");
  return root;
}

function failAt(text: string): Fail {
  return ({ offset }, problem) => {
    const before = text.slice(0, offset).split("\n");
    const place = `line ${before.length}, column ${(before.at(-1) as string).length + 1}`;
    throw new CoreError("budget-invalid", `the budget, ${place}: ${problem}`, {
      hint: `Its rules are ${numberRules.join(", ")}, forbidden, allowedDuplicates and growth.`,
    });
  };
}

/** A rule that nobody knows would never fail; one given twice would be read as one and written as the other. */
function readKeys(node: Node, known: readonly string[], fail: Fail): void {
  if (node.type !== "object") fail(node, "is not an object");
  const seen = new Set<unknown>();
  for (const property of node.children ?? []) {
    const key: unknown = property.children?.[0]?.value;
    if (!known.includes(String(key))) fail(property, `there is no rule ${JSON.stringify(key)}`);
    if (seen.has(key)) fail(property, `${JSON.stringify(key)} is given twice`);
    seen.add(key);
  }
}

function readSize(node: Node, fail: Fail): number {
  const value: unknown = node.value;
  const size = node.type === "string" ? parseByteSize(String(value)) : value;
  if (typeof size === "number" && Number.isSafeInteger(size) && size >= 0) return size;
  return fail(node, `is not a size; write a number of bytes, or "150 MiB"`);
}

function readCount(node: Node, fail: Fail): number {
  const value: unknown = node.value;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  return fail(node, "is not a whole number");
}

function readPatterns(node: Node, fail: Fail): string[] {
  if (node.type !== "array") fail(node, "is not an array of patterns");
  for (const item of node.children ?? []) {
    if (item.type !== "string" || item.value === "") fail(item, "is not a pattern");
  }
  return getNodeValue(node) as string[];
}

function readGrowth(node: Node, fail: Fail): NonNullable<Budget["growth"]> {
  readKeys(node, ["baseline", "limit"], fail);
  const limit = findNodeAtLocation(node, ["limit"]);
  const baseline = findNodeAtLocation(node, ["baseline"]);
  if (limit === undefined) return fail(node, "growth has no limit");
  const percent = /^(\d{1,6}(?:\.\d{1,6})?) ?%$/.exec(String(limit.value))?.[1];
  return withoutUndefined({
    baseline: baseline === undefined || baseline.type === "null" ? undefined : readSize(baseline, fail),
    limit: percent === undefined ? { bytes: readSize(limit, fail) } : { percent: Number(percent) },
  });
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Defined<T>;
}
