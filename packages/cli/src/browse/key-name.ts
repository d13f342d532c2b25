/** A key as Node's `readline` tells of it. */
export interface Keypress {
  readonly sequence?: string | undefined;
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
  readonly meta?: boolean | undefined;
}

/** A key's character, or its name: `up`, `return`, `ctrl-f`; empty for what is neither. */
export function keyName({ sequence = "", name = "", ctrl = false, meta = false }: Keypress): string {
  if (ctrl) return `ctrl-${name}`;
  // Esc alone is told as Meta with nothing.
  if (meta && name !== "escape") return `meta-${name}`;
  return isCharacter(sequence) ? sequence : name;
}

/** Whether a key's name is a character that it writes. */
export function isCharacter(key: string): boolean {
  return /^\P{Control}$/u.test(key);
}
