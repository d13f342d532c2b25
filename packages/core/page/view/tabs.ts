import type { Store, Tab } from "../state.ts";
import { button, element } from "./element.ts";

export interface TabPanel {
  readonly tab: Tab;
  readonly title: string;
  /** Beside the title; empty for none. */
  readonly note: string;
  readonly panel: HTMLElement;
}

/** The parts of the report, one at a time; the address says which, so that a link leads there. */
export function makeTabs(
  store: Store,
  panels: readonly TabPanel[],
): { readonly list: HTMLElement; readonly body: HTMLElement } {
  const tabs = panels.map(({ tab, title, note }) => {
    const made = button(title, () => store.update({ tab }), {
      attributes: { role: "tab", id: `tab-${tab}`, "aria-controls": `panel-${tab}` },
    });
    if (note !== "") made.append(element("span", { class: "count" }, note));
    return made;
  });
  const list = element(
    "div",
    { class: "tabs", attributes: { role: "tablist", "aria-label": "Parts of the report" } },
    ...tabs,
  );
  list.addEventListener("keydown", ({ key }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    const index = panels.findIndex(({ tab }) => tab === store.state.tab);
    const next = step === undefined ? undefined : (index + step + panels.length) % panels.length;
    if (next === undefined) return;
    store.update({ tab: panels[next]?.tab ?? "map" });
    tabs[next]?.focus();
  });
  const body = element(
    "div",
    { class: "panels" },
    ...panels.map(({ tab, panel }) => {
      panel.id = `panel-${tab}`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", `tab-${tab}`);
      return panel;
    }),
  );
  store.subscribe((state, before) => {
    for (const [index, { tab, panel }] of panels.entries()) {
      const isOpen = tab === state.tab;
      panel.hidden = !isOpen;
      tabs[index]?.setAttribute("aria-selected", String(isOpen));
      tabs[index]?.setAttribute("tabindex", isOpen ? "0" : "-1");
    }
    if (state.tab !== before.tab) history.replaceState(undefined, "", `#${state.tab}`);
  });
  const followAddress = (): void => {
    const named = panels.find(({ tab }) => `#${tab}` === location.hash);
    if (named !== undefined && named.tab !== store.state.tab) store.update({ tab: named.tab });
  };
  addEventListener("hashchange", followAddress);
  followAddress();
  return { list, body };
}
