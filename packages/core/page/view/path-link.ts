import type { ClosureModel } from "../model/closure-model.ts";
import type { PathChain } from "../model/chains.ts";
import type { Store } from "../state.ts";
import { button, element } from "./element.ts";

/** What a view of a closure works with. */
export interface Page {
  readonly model: ClosureModel;
  readonly store: Store;
}

/** A path by its package; pressed, it is picked. */
export function pathLink({ model, store }: Page, position: number): HTMLButtonElement {
  return button(model.label(position), () => store.update({ selection: { kind: "path", position } }), {
    class: "link",
    attributes: { title: model.path(position) },
  });
}

/** A chain of references, the root first. */
export function chainList(page: Page, chain: PathChain): HTMLElement {
  return element(
    "ol",
    { class: "chain" },
    ...chain.map((position, step) =>
      element(
        "li",
        {},
        step === chain.length - 1
          ? element("strong", {}, page.model.label(position))
          : pathLink(page, position),
      ),
    ),
  );
}

/** `dt` and `dd` for each fact. */
export function facts(...list: readonly (readonly [string, string | Node] | undefined)[]): HTMLElement {
  return element(
    "dl",
    { class: "facts" },
    ...list.flatMap((fact) =>
      fact === undefined ? [] : [element("div", {}, element("dt", {}, fact[0]), element("dd", {}, fact[1]))],
    ),
  );
}
