import { element } from "./element.ts";

/** A box of words beside what is pointed at or has the focus. */
export class Tooltip {
  readonly element: HTMLElement = element("div", {
    class: "tooltip",
    attributes: { role: "tooltip", id: "tooltip", hidden: "" },
  });

  /** @param at a place of the window that it must not cover */
  show(lines: readonly Node[], at: { readonly x: number; readonly y: number }): void {
    this.element.replaceChildren(...lines);
    this.element.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const gap = 14;
    const left = at.x + gap + width > innerWidth ? at.x - gap - width : at.x + gap;
    const top = at.y + gap + height > innerHeight ? at.y - gap - height : at.y + gap;
    this.element.style.left = `${Math.max(4, left)}px`;
    this.element.style.top = `${Math.max(4, top)}px`;
  }

  hide(): void {
    this.element.hidden = true;
  }
}
