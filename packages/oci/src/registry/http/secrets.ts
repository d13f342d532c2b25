/** What stands in place of a secret. */
const CENSORED = "[secret]";

/**
 * What was shown to a registry or its token server, so that nothing they answer brings it into a message: some tell in an error
 * what they were sent.
 */
export class Secrets {
  readonly #words = new Set<string>();

  /** Notes a secret in each form in which it may come back. */
  add(secret: string): void {
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")])
      if (form !== "") this.#words.add(form);
  }

  /** Notes what an `Authorization` header shows (RFC 7617, RFC 6750). */
  addHeader(header: string): void {
    const [scheme = "", shown = ""] = header.split(" ");
    this.add(shown);
    if (scheme.toLowerCase() !== "basic") return;
    const login = Buffer.from(shown, "base64").toString();
    this.add(login);
    this.add(login.slice(login.indexOf(":") + 1));
  }

  /** A text without them, in whatever case: hosts lose theirs. */
  censor(text: string): string {
    // The longest first: one may be a part of another.
    const words = [...this.#words].toSorted((a, b) => b.length - a.length);
    return words.reduce(
      (said, word) => said.replaceAll(new RegExp(escapePattern(word), "giu"), CENSORED),
      text,
    );
  }

  /** An error whose own words and whose causes' have none. */
  censorError(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    const cause = this.censorError(error.cause);
    const message = this.censor(error.message);
    if (message === error.message && cause === error.cause) return error;
    const { code } = error as { readonly code?: unknown };
    return Object.assign(
      new Error(message, { cause }),
      { name: error.name },
      code === undefined ? {} : { code },
    );
  }
}

function escapePattern(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
