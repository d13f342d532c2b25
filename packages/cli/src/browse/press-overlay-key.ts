import { graphemes } from "../render/display-width.ts";
import { chainTo } from "./browsed-closure.ts";
import { moveBy } from "./cursor.ts";
import { isCharacter } from "./key-name.ts";
import { countOf, layoutOf, search, type BrowseState, type Overlay } from "./state.ts";

interface OverlayKey {
  readonly key: string;
  readonly jump: (state: BrowseState, chain: readonly number[]) => BrowseState;
}

/** What a key makes of what lies over the tree. */
export function pressOverlayKey(
  state: BrowseState,
  overlay: Overlay,
  { key, jump }: OverlayKey,
): BrowseState {
  if (key === "escape") return { ...state, overlay: undefined };
  if (overlay.kind === "search") {
    if (key === "backspace" && overlay.text === "") return { ...state, overlay: undefined };
    const text = typed(overlay.text, key);
    if (text !== undefined) return searchFor(state, text);
  }
  const { height } = layoutOf(state.size);
  const moved = moveBy(overlay.cursor, key, { count: countOf(overlay), height });
  if (moved !== undefined) return { ...state, overlay: { ...overlay, cursor: moved } };
  if (key === "return" || key === "enter") return choose(state, overlay, jump);
  if (overlay.kind === "search") return state;
  const isLeft = key === "q" || key === "left" || key === "h" || key === "backspace" || key === "?";
  return isLeft ? { ...state, overlay: undefined } : state;
}

/** The text after a key; undefined for a key that writes nothing. */
function typed(text: string, key: string): string | undefined {
  if (key === "backspace") return graphemes(text).slice(0, -1).join("");
  if (key === "ctrl-u") return "";
  if (key === "ctrl-w") return text.replace(/\S+\s*$/, "");
  return isCharacter(key) ? text + key : undefined;
}

function searchFor(state: BrowseState, text: string): BrowseState {
  const found = text === "" ? [] : search(state, text);
  return {
    ...state,
    overlay: { kind: "search", text, found, cursor: { at: 0, top: 0 } },
  };
}

function choose(state: BrowseState, overlay: Overlay, jump: OverlayKey["jump"]): BrowseState {
  switch (overlay.kind) {
    case "help":
      return { ...state, overlay: undefined };
    case "why":
      return jump(state, overlay.steps[overlay.cursor.at]?.chain ?? []);
    case "referrers":
      return jump(state, chainTo(state.closure, overlay.found[overlay.cursor.at] as number));
    case "search": {
      const found = overlay.found[overlay.cursor.at];
      if (found === undefined) return { ...state, overlay: undefined };
      return jump({ ...state, searched: overlay.text }, chainTo(state.closure, found));
    }
  }
}
