/** Which of some rows is chosen, and which is the first that is seen. */
export interface Cursor {
  readonly at: number;
  readonly top: number;
}

/** How many rows there are, and how many of them fit the screen. */
export interface Extent {
  readonly count: number;
  readonly height: number;
}

/** The cursor at a row, or the nearest there is, with no more scrolled than that it is seen. */
export function moveTo({ top }: Cursor, at: number, { count, height }: Extent): Cursor {
  const row = Math.max(0, Math.min(at, count - 1));
  const last = Math.max(0, count - height);
  const seen = Math.max(row - height + 1, Math.min(top, row));
  return { at: row, top: Math.max(0, Math.min(seen, last)) };
}

/** The cursor where it is, with rows above and below it in sight. */
export function centre({ at }: Cursor, extent: Extent): Cursor {
  return moveTo({ at, top: at - Math.floor(extent.height / 2) }, at, extent);
}

const steps: Readonly<Record<string, (cursor: Cursor, extent: Extent) => number>> = {
  up: ({ at }) => at - 1,
  k: ({ at }) => at - 1,
  down: ({ at }) => at + 1,
  j: ({ at }) => at + 1,
  pageup: ({ at }, { height }) => at - Math.max(1, height - 1),
  "ctrl-b": ({ at }, { height }) => at - Math.max(1, height - 1),
  pagedown: ({ at }, { height }) => at + Math.max(1, height - 1),
  "ctrl-f": ({ at }, { height }) => at + Math.max(1, height - 1),
  home: () => 0,
  g: () => 0,
  end: (_, { count }) => count - 1,
  G: (_, { count }) => count - 1,
};

/** Where a key moves the cursor; undefined for a key that does not. */
export function moveBy(cursor: Cursor, key: string, extent: Extent): Cursor | undefined {
  const step = Object.hasOwn(steps, key) ? steps[key] : undefined;
  return step && moveTo(cursor, step(cursor, extent), extent);
}
