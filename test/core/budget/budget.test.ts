import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkBudget, CoreError, parseBudget, ratchetBudget } from "@stowage/core";
import { graphOf, storePathOf } from "../../support/graphs.ts";

const graph = graphOf(
  {
    "app-1.0": ["python-3.11", "curl-8"],
    "python-3.11": ["openssl-3.0", "gcc-13.2"],
    "curl-8": ["openssl-1.1"],
    "openssl-3.0": [],
    "openssl-1.1": [],
    "gcc-13.2": [],
  },
  { "app-1.0": 10, "python-3.11": 500, "curl-8": 20, "openssl-3.0": 40, "openssl-1.1": 30, "gcc-13.2": 400 },
);
const image = { size: 2000, layers: 7 };
const chain = (...names: string[]) => names.map(storePathOf);
const failures = (budget: object) => checkBudget(parseBudget(JSON.stringify(budget)), graph, image).failures;

describe("a closure and its budget", () => {
  test("what keeps to it, to the byte, has no failure", () => {
    const budget = {
      closureSize: 1000,
      imageSize: 2000,
      layers: 7,
      largestPath: 500,
      forbidden: ["gcc", "*-dev", "python-2*"],
      allowedDuplicates: ["open*"],
      growth: { baseline: 800, limit: "25%" },
    };
    expect(failures({ ...budget, forbidden: ["ruby"] })).toEqual([]);
    expect(failures(budget).map(({ rule }) => rule)).toEqual(["forbidden"]);
  });

  test("each failure has the measured number, the limit and why", () => {
    expect(
      failures({
        closureSize: 999,
        imageSize: 1999,
        layers: 6,
        largestPath: 499,
        forbidden: ["gcc-13.*"],
        allowedDuplicates: [],
        growth: { baseline: 900, limit: 99 },
      }),
    ).toEqual([
      {
        rule: "closureSize",
        unit: "bytes",
        measured: 1000,
        limit: 999,
        chains: [chain("app-1.0", "python-3.11")],
      },
      {
        rule: "imageSize",
        unit: "bytes",
        measured: 2000,
        limit: 1999,
        chains: [chain("app-1.0", "python-3.11")],
      },
      { rule: "layers", unit: "layers", measured: 7, limit: 6, chains: [chain("app-1.0", "python-3.11")] },
      {
        rule: "largestPath",
        unit: "bytes",
        measured: 500,
        limit: 499,
        chains: [chain("app-1.0", "python-3.11")],
      },
      {
        rule: "forbidden",
        unit: "paths",
        measured: 1,
        limit: 0,
        subject: "gcc-13.*",
        chains: [chain("app-1.0", "python-3.11", "gcc-13.2")],
      },
      {
        rule: "allowedDuplicates",
        unit: "paths",
        measured: 2,
        limit: 1,
        subject: "openssl",
        chains: [chain("app-1.0", "python-3.11", "openssl-3.0"), chain("app-1.0", "curl-8", "openssl-1.1")],
      },
      { rule: "growth", unit: "bytes", measured: 100, limit: 99, chains: [chain("app-1.0", "python-3.11")] },
    ]);
  });

  test("without a baseline there is no growth; without the rule duplicates are allowed", () => {
    expect(failures({ growth: { limit: "0%" } })).toEqual([]);
  });

  test("a rule about an image without an image is refused", () => {
    expect(() => checkBudget({ layers: 3 }, graph)).toThrow(/layers/);
    expect(checkBudget({ closureSize: 1000 }, graph).failures).toEqual([]);
  });

  test("a pattern that would make a naive matcher run for ever", () => {
    const slow = { forbidden: [`${"*a".repeat(1000)}b`] };
    expect(failures(slow)).toEqual([]);
  });
});

describe("patterns", () => {
  test("fit as the same regular expression does", () => {
    const word = fc.array(fc.constantFrom("a", "b"), { maxLength: 6 }).map((letters) => letters.join(""));
    const glob = fc
      .array(fc.constantFrom("a", "b", "*", "?"), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(glob, word, (pattern, name) => {
        const regex = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
        const one = graphOf({ [`x${name}`]: [] });
        const found = checkBudget({ forbidden: [`x${pattern}`] }, one).failures.length > 0;
        expect(found).toBe(regex.test(name));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("the file", () => {
  test("has comments, trailing commas, sizes for people", () => {
    const text = `\uFEFF{
      // what the node pulls
      "closureSize": "1.5 KiB", /* for now */
      "imageSize": "2MB",
      "layers": 60,
      "forbidden": ["gcc",],
      "growth": { "baseline": null, "limit": "2.5 %" },
    }`;
    expect(parseBudget(text)).toEqual({
      closureSize: 1536,
      imageSize: 2_000_000,
      layers: 60,
      forbidden: ["gcc"],
      growth: { limit: { percent: 2.5 } },
    });
  });

  test.each([
    ["", /line 1, column 1/],
    ["[]", /line 1, column 1: is not an object/],
    ['{\n  "closuresize": 1\n}', /line 2, column 3: there is no rule "closuresize"/],
    ['{"layers": 1,\n "layers": 2}', /line 2, column 2: "layers" is given twice/],
    ['{"closureSize": "much"}', /line 1, column 17: is not a size/],
    ['{"closureSize": -1}', /is not a size/],
    ['{"closureSize": 1.5}', /is not a size/],
    ['{"closureSize": true}', /is not a size/],
    ['{"layers": "7"}', /is not a whole number/],
    ['{"forbidden": "gcc"}', /is not an array/],
    ['{"forbidden": [""]}', /is not a pattern/],
    ['{"growth": {}}', /growth has no limit/],
    ['{"growth": {"limit": "x%"}}', /is not a size/],
    ['{"growth": {"limit": 1, "until": 2}}', /there is no rule "until"/],
    ['{"layers": 1', /line 1, column 13/],
    ['{"layers": }', /is not JSON here/],
    ['{"__proto__": 1}', /there is no rule/],
  ])("%s is refused with its place", (text, message) => {
    expect(() => parseBudget(text)).toThrow(expect.objectContaining({ code: "budget-invalid" }));
    expect(() => parseBudget(text)).toThrow(message);
  });
});

describe("update", () => {
  test("turns numbers down, in place and in their units, and keeps comments", () => {
    const text = [
      "{",
      "\t// the limit of the edge nodes",
      '\t"closureSize": "2 KiB", // was 3',
      '\t"imageSize": 9000,',
      '\t"layers": 7,',
      '\t"largestPath": 400,',
      '\t"forbidden": ["gcc"],',
      '\t"growth": {',
      '\t\t"limit": "5%" /* agreed */',
      "\t},",
      "}",
      "",
    ].join("\n");
    expect(ratchetBudget(text, graph, image)).toBe(
      text
        .replace('"2 KiB"', '"1 KiB"')
        .replace("9000", "2000")
        .replace('"limit": "5%"', '"limit": "5%",\n\t\t"baseline": 1000'),
    );
  });

  test("what cannot be measured stays", () => {
    expect(ratchetBudget('{"imageSize": 5}', graph)).toBe('{"imageSize": 5}');
  });

  const size = fc.oneof(
    fc.nat(5000),
    fc
      .tuple(fc.nat(5000), fc.constantFrom("B", "kB", "KiB", " MiB"))
      .map(([amount, unit]) => `${amount}${unit}`),
  );
  const budgets = fc.record(
    {
      closureSize: size,
      imageSize: size,
      layers: fc.nat(20),
      largestPath: size,
      growth: fc.record({ baseline: size, limit: size }, { requiredKeys: ["limit"] }),
    },
    { requiredKeys: [] },
  );

  test("never turns anything up, keeps what holds, and done twice is done once", () => {
    fc.assert(
      fc.property(budgets, (budget) => {
        const text = JSON.stringify(budget, null, 2);
        const updated = ratchetBudget(text, graph, image);
        const [before, after] = [parseBudget(text), parseBudget(updated)];
        for (const rule of ["closureSize", "imageSize", "layers", "largestPath"] as const) {
          expect(after[rule] ?? 0).toBeLessThanOrEqual(before[rule] ?? 0);
        }
        const baseline = after.growth?.baseline;
        if (baseline !== undefined) expect(baseline).toBeLessThanOrEqual(before.growth?.baseline ?? Infinity);
        const failing = (given: typeof before) =>
          checkBudget(given, graph, image).failures.map(({ rule }) => rule);
        const withoutGrowth = (rules: string[]) => rules.filter((rule) => rule !== "growth");
        expect(withoutGrowth(failing(after))).toEqual(withoutGrowth(failing(before)));
        expect(ratchetBudget(updated, graph, image)).toBe(updated);
      }),
      { numRuns: 2000 },
    );
  });

  test("a budget that is wrong is not written", () => {
    expect(() => ratchetBudget('{"layers": "x"}', graph)).toThrow(CoreError);
  });
});
