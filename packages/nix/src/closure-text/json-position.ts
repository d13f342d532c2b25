/** One token of JSON (RFC 8259) with the white space before it, or what cannot be one. */
const token =
  /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

/** What may come next: a value; a value or `]`; a key or `}`; a key; `:`; `,` or the end of what is open. */
type Expected = "value" | "first-item" | "first-key" | "key" | "colon" | "comma" | "end";

/** Where a text stops being JSON: line and column from 1; undefined for sound JSON. Not recursive. */
export function findJsonError(text: string): { readonly line: number; readonly column: number } | undefined {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let at = 0;
  const fail = (): { line: number; column: number } => {
    const start = at + (/^[ \t\r\n]*/.exec(text.slice(at)) as RegExpExecArray)[0].length;
    const before = text.slice(0, start).split("\n");
    return { line: before.length, column: (before.at(-1) as string).length + 1 };
  };
  while (expected !== "end") {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match === null) return fail();
    const next = afterToken(expected, { punctuation: match[1], isString: match[2] !== undefined }, open);
    if (next === undefined) return fail();
    expected = next;
    at = token.lastIndex;
  }
  return /[^ \t\r\n]/.test(text.slice(at)) ? fail() : undefined;
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
