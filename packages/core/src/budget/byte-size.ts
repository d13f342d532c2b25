const factors: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const pattern = /^(\d{1,15}(?:\.\d{1,6})?) ?([kMGT]?B|[KMGT]iB)$/;

/** Bytes written for people: `150 MiB`, `1.5 GB`, rounded down to whole ones; undefined for anything else. */
export function parseByteSize(text: string): number | undefined {
  const [, amount, unit] = pattern.exec(text) ?? [];
  return amount === undefined ? undefined : Math.floor(Number(amount) * (factors[unit as string] as number));
}

/** A number of bytes in the unit of another text, rounded up to one decimal, so that it is never too little. */
export function formatLike(text: string, bytes: number): string {
  const unit = pattern.exec(text)?.[2] ?? "B";
  const tenths = Math.ceil((bytes / (factors[unit] as number)) * 10);
  return `${tenths % 10 === 0 ? tenths / 10 : (tenths / 10).toFixed(1)}${text.includes(" ") ? " " : ""}${unit}`;
}
