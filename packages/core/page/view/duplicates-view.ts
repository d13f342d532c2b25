import { formatCount, formatSize, formatVersions } from "../model/words.ts";
import { bar, element } from "./element.ts";
import { chainList, pathLink, type Page } from "./path-link.ts";

/** Packages that are there more than once, and what brings each copy. */
export function makeDuplicates(page: Page): HTMLElement {
  const { duplicates } = page.model.data;
  if (duplicates.length === 0)
    return element("div", { class: "empty" }, element("p", {}, "No package is there twice."));
  const most = Math.max(...duplicates.map(({ saves }) => saves));
  return element(
    "div",
    { class: "list" },
    element(
      "p",
      { class: "lead" },
      `${formatCount(duplicates.length, "package")} ${duplicates.length === 1 ? "is" : "are"} there more than once. What one copy of each would save is what the other copies have, and what only they need.`,
    ),
    ...duplicates.map(({ name, output, versions, wasted, saves, copies }) =>
      element(
        "details",
        { class: "item" },
        element(
          "summary",
          {},
          element(
            "span",
            { class: "item-name" },
            name,
            output !== "out" && element("span", { class: "output" }, output),
          ),
          element("span", { class: "item-versions" }, formatVersions(versions)),
          element(
            "span",
            { class: "item-note" },
            formatCount(copies.length, "copy").replace("copys", "copies"),
          ),
          element("span", { class: "number" }, `saves ${formatSize(saves)}`),
          bar(saves / most),
        ),
        element("p", { class: "hint" }, `The other copies have ${formatSize(wasted)} of their own.`),
        element(
          "ul",
          { class: "copies" },
          ...copies.map(({ path, chain }, index) =>
            element(
              "li",
              {},
              element(
                "div",
                { class: "copy" },
                pathLink(page, path),
                index === 0 && element("span", { class: "badge" }, "keep"),
                element("span", { class: "number" }, formatSize(page.model.narSize(path))),
              ),
              chainList(page, chain),
            ),
          ),
        ),
      ),
    ),
  );
}
