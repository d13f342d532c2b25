import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const folder = import.meta.dirname;

/** Where the parts of the page lie that every report has. */
export const pagePartsFile: string = join(folder, "../src/report/page-parts.ts");

/**
 * Makes one script of the page's modules and one module of that and of its style. It is checked in, so that the command needs no bundler
 * wherever it is built or run, and a report has the same bytes everywhere; a test holds it against what this makes.
 */
export async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, "main.ts")],
    bundle: true,
    write: false,
    format: "iife",
    target: "es2023",
    charset: "utf8",
    legalComments: "none",
    minifyWhitespace: true,
    minifySyntax: true,
    banner: { js: `/*! ${licence()} */` },
    tsconfigRaw: "{}",
    treeShaking: true,
  });
  const { outputFiles: styles } = await build({
    entryPoints: [join(folder, "style.css")],
    bundle: true,
    write: false,
    minifyWhitespace: true,
    charset: "utf8",
    target: "es2023",
  });
  const [script = "", style = ""] = [outputFiles[0]?.text, styles[0]?.text].map((text) => text?.trimEnd());
  // Inside these elements nothing is escaped: what would end one must not be there.
  if (/<\/|<!--/.test(script) || /<\//.test(style))
    throw new Error("the page's parts hold an end of their element");
  return `// Made of packages/core/page by packages/core/page/bundle.ts; the script holds d3-hierarchy, with its licence.
export const pageScript: string = ${JSON.stringify(script)};
export const pageStyle: string = ${JSON.stringify(style)};
`;
}

/** That of what is bundled, which every copy has to have. */
function licence(): string {
  const entry = createRequire(import.meta.url).resolve("d3-hierarchy");
  return `d3-hierarchy\n\n${readFileSync(join(dirname(entry), "../LICENSE"), "utf8").trim()}\n`;
}

if (import.meta.main) writeFileSync(pagePartsFile, await bundlePage());
