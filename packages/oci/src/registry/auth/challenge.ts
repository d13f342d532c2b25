/** What a server asks for with a 401 (RFC 9110, 11.6.1). */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** By name in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameter = new RegExp(
  `^\\s*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))\\s*(?:,|$)`,
  "s",
);
const schemeStart = new RegExp(`^[\\s,]*(${token})(?:\\s+|$|(?=,))`);

/** Reads the value of `WWW-Authenticate`; what cannot be read ends it. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header;
  for (;;) {
    const scheme = schemeStart.exec(rest);
    if (scheme === null) return challenges;
    rest = rest.slice(scheme[0].length);
    const parameters: Record<string, string> = {};
    for (let found = parameter.exec(rest); found !== null; found = parameter.exec(rest)) {
      const [whole, name = "", quoted, plain = ""] = found;
      parameters[name.toLowerCase()] = quoted === undefined ? plain : quoted.replaceAll(/\\(.)/gs, "$1");
      rest = rest.slice(whole.length);
    }
    challenges.push({ scheme: (scheme[1] as string).toLowerCase(), parameters });
  }
}
