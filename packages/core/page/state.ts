import type { Grouping, SizeBasis } from "./model/map-tree.ts";
import type { TableOrder } from "./model/table-order.ts";

export type Tab = "map" | "table" | "duplicates" | "layers" | "diff";

/** What is picked out of the closure: a path, or several that have a name together. */
export type Selection =
  | { readonly kind: "path"; readonly position: number }
  | { readonly kind: "group"; readonly label: string; readonly positions: readonly number[] };

/** A part of the closure that is looked at alone. */
export interface Isolation {
  readonly label: string;
  readonly positions: ReadonlySet<number>;
}

/** All that the reader has chosen. */
export interface State {
  readonly tab: Tab;
  readonly grouping: Grouping;
  readonly basis: SizeBasis;
  readonly colour: "package" | "change";
  readonly query: string;
  readonly hidden: ReadonlySet<number>;
  /** Each within the one before. */
  readonly isolated: readonly Isolation[];
  readonly selection: Selection | undefined;
  readonly order: TableOrder;
}

export const firstState: State = {
  tab: "map",
  grouping: "package",
  basis: "nar",
  colour: "package",
  query: "",
  hidden: new Set(),
  isolated: [],
  selection: undefined,
  order: { column: "added", descending: true },
};

type Listener = (state: State, before: State) => void;

/** Holds the state and tells who wants to know of each change. */
export class Store {
  #state: State = firstState;
  readonly #listeners: Listener[] = [];

  get state(): State {
    return this.#state;
  }

  /** Tells at once how things stand, and then of every change. */
  subscribe(listener: Listener): void {
    this.#listeners.push(listener);
    listener(this.#state, this.#state);
  }

  update(change: Partial<State>): void {
    const before = this.#state;
    this.#state = { ...before, ...change };
    for (const listener of this.#listeners) listener(this.#state, before);
  }
}

/** What is shown of a closure: what is isolated, without what is hidden. */
export function shownPositions({ hidden, isolated }: State, all: readonly number[]): Set<number> {
  const within = isolated.at(-1)?.positions;
  return new Set(
    all.filter((position) => !hidden.has(position) && (within === undefined || within.has(position))),
  );
}

/** Takes some away from what is shown. What was picked goes with it. */
export function hide({ hidden }: State, positions: Iterable<number>): Partial<State> {
  return { hidden: new Set([...hidden, ...positions]), selection: undefined };
}

/** Shows some alone. */
export function isolate({ isolated }: State, label: string, positions: Iterable<number>): Partial<State> {
  return { isolated: [...isolated, { label, positions: new Set(positions) }] };
}

/** What Escape takes back: the selection, then the search, then the innermost isolation. */
export function stepBack({ selection, query, isolated }: State): Partial<State> {
  if (selection !== undefined) return { selection: undefined };
  if (query !== "") return { query: "" };
  return { isolated: isolated.slice(0, -1) };
}
