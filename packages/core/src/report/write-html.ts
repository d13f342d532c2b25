import { createHash } from "node:crypto";
import { pageScript, pageStyle } from "./page-parts.ts";
import type { ReportData, ReportSubject } from "./report-data.ts";

/**
 * The page with its data: one document that asks for nothing else. It may run the one script and use the one style that are in it,
 * by their hashes, and nothing else whatever it holds: no request, no other script, no form.
 */
export function writeHtml(data: ReportData): string {
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(pageScript)}'`,
    `style-src '${hashOf(pageStyle)}'`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="stowage">
<meta name="referrer" content="no-referrer">
<title>${escapeText(titleOf(data.subject))}</title>
<link rel="icon" href="data:,">
<style>${pageStyle}</style>
</head>
<body>
<noscript>This report draws itself with a script that is in this file. Let it run to see it; it loads nothing and sends nothing.</noscript>
<script type="application/json" id="report-data">${encodeData(data)}</script>
<script>${pageScript}</script>
</body>
</html>
`;
}

function titleOf({ kind, name, version }: ReportSubject): string {
  return `${name}${version === "" ? "" : ` ${version}`} (${kind})`;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** JSON in which nothing can be a tag or a comment: inside a script element only `<` begins one. */
function encodeData(data: ReportData): string {
  return JSON.stringify(data).replaceAll("<", String.raw`\u003c`);
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
