import { registrationOf } from "./closure-files.ts";

const words =
  "glibc openssl python gcc ncurses zlib bash curl perl sqlite icu systemd gtk mesa llvm qt".split(" ");

/**
 * A closure of as many paths as a desktop has, as `nix-store --dump-db` would print it; the same each time. Every path has up to
 * four references, mostly to what is near it, and sizes range over five powers of ten.
 */
export function desktopClosure(count: number): string {
  const draw = drawer();
  const names = Array.from({ length: count }, (_, index) => {
    const word = words[draw(words.length)] as string;
    const part = draw(3) === 0 ? "" : `-part${draw(90)}`;
    return `${word}${part}-${1 + draw(9)}.${draw(30)}.${index}`;
  });
  names[0] = "desktop-1.0";
  const references = Object.fromEntries(
    names.map((name, index) => {
      const near = Array.from({ length: 1 + draw(4) }, () => index + 1 + draw(40));
      const far = draw(4) === 0 ? [index + 1 + draw(count)] : [];
      // Each path is needed by the one before it, so that one root reaches all.
      const targets = new Set([index + 1, ...near, ...far].filter((target) => target < count));
      return [name, [...targets].map((target) => names[target] as string)];
    }),
  );
  const sizes = Object.fromEntries(
    names.map((name) => [name, Math.round(100 * 10 ** (draw(1000) / 200)) + draw(1000)]),
  );
  return registrationOf(references, sizes);
}

/** Whole numbers below a bound, by a linear congruence (Numerical Recipes). */
function drawer(): (bound: number) => number {
  let state = 7;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
