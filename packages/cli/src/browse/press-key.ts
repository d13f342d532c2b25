import { chainsTo, chainTo, sortings } from "./browsed-closure.ts";
import { centre, moveBy, moveTo, type Extent } from "./cursor.ts";
import { pressOverlayKey } from "./press-overlay-key.ts";
import { layoutOf, search, type BrowseState, type ChainStep } from "./state.ts";
import {
  chainOf,
  closeRow,
  hasReferences,
  openAll,
  openRow,
  parentIndex,
  reveal,
  sortRows,
  type TreeRow,
} from "./tree-rows.ts";

/** Chains that `w` shows at most. */
const MAX_CHAINS = 100;
/** Jumps that are remembered. */
const MAX_JUMPS = 100;

/**
 * What a key makes of a state.
 * @param key a character as it is typed, or a name: `up`, `return`, `escape`, `ctrl-f`
 */
export function pressKey(before: BrowseState, key: string): BrowseState {
  const state = { ...before, message: undefined };
  if (state.overlay !== undefined) return pressOverlayKey(state, state.overlay, { key, jump });
  const moved = moveBy(state.cursor, key, extentOf(state));
  if (moved !== undefined) return { ...state, cursor: moved };
  const action = Object.hasOwn(treeKeys, key) ? treeKeys[key] : undefined;
  return action?.(state) ?? state;
}

const treeKeys: Readonly<Record<string, (state: BrowseState) => BrowseState>> = {
  right: enter,
  l: enter,
  left: leave,
  h: leave,
  return: toggle,
  enter: toggle,
  " ": toggle,
  "*": (state) => withRows(state, openAll(state.closure, state.rows, placeOf(state))),
  "/": (state) => ({ ...state, overlay: { kind: "search", ...nothingFound } }),
  n: (state) => jumpToFound(state, 1),
  N: (state) => jumpToFound(state, -1),
  w: showWhy,
  r: showReferrers,
  b: jumpBack,
  backspace: jumpBack,
  s: (state) => sort(state, 1),
  S: (state) => sort(state, -1),
  "?": (state) => ({ ...state, overlay: { kind: "help", cursor: atTop } }),
  q: (state) => ({ ...state, isDone: true }),
};

const atTop = { at: 0, top: 0 };
const nothingFound = { text: "", found: [], cursor: atTop };

function extentOf({ rows, size }: BrowseState): Extent {
  return { count: rows.length, height: layoutOf(size).height };
}

function chosen({ rows, cursor }: BrowseState): TreeRow {
  return rows[cursor.at] as TreeRow;
}

const placeOf = ({ cursor, sorting }: BrowseState) => ({ index: cursor.at, sorting });

function withRows(state: BrowseState, rows: BrowseState["rows"], at = state.cursor.at): BrowseState {
  const wider = { ...state, rows };
  return { ...wider, cursor: moveTo(state.cursor, at, extentOf(wider)) };
}

function enter(state: BrowseState): BrowseState {
  const row = chosen(state);
  if (!hasReferences(state.closure, row)) return { ...state, message: "it refers to nothing else" };
  if (row.isOpen) return withRows(state, state.rows, state.cursor.at + 1);
  return withRows(state, openRow(state.closure, state.rows, placeOf(state)));
}

function leave(state: BrowseState): BrowseState {
  const { rows, cursor } = state;
  if (chosen(state).isOpen) return withRows(state, closeRow(rows, cursor.at));
  return withRows(state, rows, parentIndex(rows, cursor.at));
}

function toggle(state: BrowseState): BrowseState {
  return chosen(state).isOpen ? leave(state) : enter(state);
}

function sort(state: BrowseState, step: 1 | -1): BrowseState {
  const { closure, rows, cursor } = state;
  const place = (sortings.indexOf(state.sorting) + step + sortings.length) % sortings.length;
  const sorting = sortings[place] as BrowseState["sorting"];
  const sorted = sortRows(closure, rows, { index: cursor.at, sorting });
  return withRows({ ...state, sorting }, sorted.rows, sorted.index);
}

/** Goes to the end of a chain, and remembers where it was. */
function jump(state: BrowseState, chain: readonly number[]): BrowseState {
  const here = chainOf(chosen(state).place);
  const jumpedFrom = [...state.jumpedFrom, here].slice(-MAX_JUMPS);
  return { ...goTo(state, chain), jumpedFrom };
}

function goTo(state: BrowseState, chain: readonly number[]): BrowseState {
  const { rows, index } = reveal(state.closure, state.rows, { chain, sorting: state.sorting });
  const there = withRows({ ...state, overlay: undefined }, rows, index);
  const wasSeen = rows === state.rows && there.cursor.top === state.cursor.top;
  return wasSeen ? there : { ...there, cursor: centre(there.cursor, extentOf(there)) };
}

function jumpBack(state: BrowseState): BrowseState {
  const chain = state.jumpedFrom.at(-1);
  if (chain === undefined) return { ...state, message: "nowhere to go back to" };
  return { ...goTo(state, chain), jumpedFrom: state.jumpedFrom.slice(0, -1) };
}

function jumpToFound(state: BrowseState, step: 1 | -1): BrowseState {
  if (state.searched === "") return { ...state, message: "nothing was searched for; / searches" };
  const found = search(state, state.searched);
  const at = found.indexOf(chosen(state).place.position);
  const first = step === 1 ? 0 : found.length - 1;
  const next = found[at === -1 ? first : (at + step + found.length) % found.length];
  if (next === undefined) return { ...state, message: `nothing is called ${state.searched}` };
  const there = jump(state, chainTo(state.closure, next));
  return { ...there, message: `${found.indexOf(next) + 1} of ${found.length} for ${state.searched}` };
}

function showReferrers(state: BrowseState): BrowseState {
  const { position } = chosen(state).place;
  const { graph, ranks } = state.closure;
  const ranked = ranks[state.sorting];
  const referrers = graph.referrers[position] as readonly number[];
  if (referrers.length === 0) return { ...state, message: "nothing refers to it: it is a target" };
  const found = referrers.toSorted((a, b) => (ranked[a] as number) - (ranked[b] as number));
  return { ...state, overlay: { kind: "referrers", of: position, found, cursor: atTop } };
}

function showWhy(state: BrowseState): BrowseState {
  const { position } = chosen(state).place;
  const { chains, complete } = chainsTo(state.closure, position, MAX_CHAINS);
  const steps = chains.flatMap((chain) =>
    chain.map((_, depth): ChainStep => ({ chain: chain.slice(0, depth + 1) })),
  );
  return {
    ...state,
    overlay: { kind: "why", of: position, steps, chains: chains.length, complete, cursor: atTop },
  };
}
