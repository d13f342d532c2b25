/** One token of JSON (RFC 8259) with the white space before it, or what cannot be one. */
const token =
  // oxlint-disable-next-line no-control-regex -- JSON strings hold no control characters
  /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

/** What may come next: a value; a value or `]`; a key or `}`; a key; `:`; `,` or the end of what is open. */
type Expected = "value" | "first-item" | "first-key" | "key" | "colon" | "comma" | "end";

/** Where a text stops being JSON. */
export interface JsonError {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  /** Whether the text is sound as far as it goes. */
  readonly isCutOff: boolean;
}

/** Finds where a text stops being JSON; undefined for sound JSON. Not recursive. */
export function findJsonError(text: string): JsonError | undefined {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let at = 0;
  while (expected !== "end") {
    token.lastIndex = at;
    const match = token.exec(text);
    const given = match && { punctuation: match[1], isString: match[2] !== undefined };
    const next: Expected | undefined = given === null ? undefined : afterToken(expected, given, open);
    if (next === undefined) return describeError(text, at, given === null);
    expected = next;
    at = token.lastIndex;
  }
  return /[^ \t\r\n]/.test(text.slice(at)) ? describeError(text, at, false) : undefined;
}

const space = /[ \t\r\n]*/y;
// oxlint-disable-next-line no-control-regex -- JSON strings hold no control characters
const startOfString = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

/** @param isNoToken whether what stands there is no token at all, so that its sound part can be passed over */
function describeError(text: string, at: number, isNoToken: boolean): JsonError {
  const skip = (pattern: RegExp, from: number): number => {
    pattern.lastIndex = from;
    return pattern.test(text) ? pattern.lastIndex : from;
  };
  const start = skip(space, at);
  const place = isNoToken ? skip(startOfString, start) : start;
  const before = text.slice(0, place).split("\n");
  return {
    line: before.length,
    column: (before.at(-1) as string).length + 1,
    isCutOff: place === text.length,
  };
}

interface Token {
  readonly punctuation: string | undefined;
  readonly isString: boolean;
}

/** What is expected after a token, undefined where the token may not stand; `open` follows along. */
function afterToken(expected: Expected, given: Token, open: ("{" | "[")[]): Expected | undefined {
  const { punctuation, isString } = given;
  const afterValue = (): Expected => (open.length === 0 ? "end" : "comma");
  const close = (): Expected => {
    open.pop();
    return afterValue();
  };
  switch (expected) {
    case "first-key":
    case "key":
      if (isString) return "colon";
      return expected === "first-key" && punctuation === "}" ? close() : undefined;
    case "colon":
      return punctuation === ":" ? "value" : undefined;
    case "comma":
      if (punctuation === ",") return open.at(-1) === "{" ? "key" : "value";
      return punctuation === (open.at(-1) === "{" ? "}" : "]") ? close() : undefined;
    case "value":
    case "first-item":
      if (punctuation === undefined) return afterValue();
      if (punctuation === "]" && expected === "first-item") return close();
      if (punctuation !== "{" && punctuation !== "[") return undefined;
      open.push(punctuation);
      return punctuation === "{" ? "first-key" : "first-item";
    case "end":
      return undefined;
  }
}
