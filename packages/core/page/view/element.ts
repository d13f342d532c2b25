type Child = Node | string | undefined | false;

interface Properties {
  readonly class?: string;
  /** Attributes; one that is undefined is left out. Never `style`, which the page's policy forbids. */
  readonly attributes?: Readonly<Record<string, string | undefined>>;
  readonly onClick?: () => void;
}

/** Makes an element. Strings become text and never markup, wherever they come from. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (properties.class !== undefined) made.className = properties.class;
  for (const [key, value] of Object.entries(properties.attributes ?? {}))
    if (value !== undefined) made.setAttribute(key, value);
  const { onClick } = properties;
  if (onClick !== undefined) made.addEventListener("click", () => onClick());
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** A button with words on it. */
export function button(
  label: string,
  onClick: () => void,
  properties: Omit<Properties, "onClick"> = {},
): HTMLButtonElement {
  return element(
    "button",
    { ...properties, onClick, attributes: { type: "button", ...properties.attributes } },
    label,
  );
}

/** A bar that fills a part of its width, from 0 to 1. */
export function bar(share: number, kind = ""): HTMLElement {
  const fill = element("span", { class: `bar-fill ${kind}` });
  fill.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return element("span", { class: "bar", attributes: { "aria-hidden": "true" } }, fill);
}
