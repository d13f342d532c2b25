/** The page at `/`. */
export function greetingPage(): string {
  return page(
    "Fortune Cat",
    `<figure>${drawnCat}</figure>
    <h1>Fortune Cat</h1>
    <p>A cat that says a line of wisdom, packed with nothing but what it needs.</p>
    <p><a href="/cat">Ask the cat</a></p>`,
  );
}

/** A cat of our own, for when the cat service cannot be reached. */
export function offlinePage(fortune: string): string {
  return page(
    "Fortune Cat (offline)",
    `<blockquote>${escapeHtml(fortune)}</blockquote>
    <figure>${drawnCat}</figure>
    <p class="offline">offline: the cat service is out of reach, so this cat is drawn</p>
    <p><a href="/cat">Ask again</a></p>`,
  );
}

export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] as string);
}

const drawnCat = `<svg viewBox="0 0 200 190" role="img" aria-label="a drawn cat with a raised paw">
      <g fill="var(--fur)" stroke="var(--line)" stroke-width="4" stroke-linejoin="round" stroke-linecap="round">
        <path d="M150 165c30 5 40-25 28-45" fill="none" stroke-width="17"/>
        <path d="M150 165c30 5 40-25 28-45" fill="none" stroke-width="10" stroke="var(--fur)"/>
        <path d="M55 180c-8-40 5-72 45-72s53 32 45 72z"/>
        <path d="M48 66 42 18l34 22a70 70 0 0 1 48 0l34-22-6 48c6 34-18 56-52 56S42 100 48 66z"/>
        <path d="M148 122c16-6 24-26 20-46-3-12-20-8-20 4 0 14-4 22-12 28z"/>
      </g>
      <path d="m51 32 14 13-10 12zM149 32l-14 13 10 12z" fill="var(--ear)"/>
      <g fill="none" stroke="var(--line)" stroke-width="4" stroke-linecap="round">
        <path d="M68 76q8-12 16 0M116 76q8-12 16 0"/>
        <path d="M100 92v6q-8 9-15 2M100 98q8 9 15 2"/>
        <path d="M58 92 30 86M58 98l-28 4M142 92l28-6M142 98l28 4" stroke-width="2.5"/>
      </g>
      <path d="m94 86h12l-6 7z" fill="var(--ear)" stroke="var(--line)" stroke-width="2" stroke-linejoin="round"/>
      <path d="M62 121q38 18 76 0" fill="none" stroke="var(--collar)" stroke-width="8" stroke-linecap="round"/>
      <circle cx="100" cy="134" r="9" fill="var(--bell)" stroke="var(--line)" stroke-width="3"/>
    </svg>`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <style>
      :root { color-scheme: light dark; --paper: #fdf6ec; --ink: #3b2f2a; --fur: #fffdf8; --line: #5a4640; --ear: #f2a7a0; --collar: #d7423e; --bell: #f2c14e; --bubble: #ffffff }
      @media (prefers-color-scheme: dark) { :root { --paper: #221d24; --ink: #f3e9e0; --fur: #efe5da; --line: #3a2f33; --bubble: #332b36 } }
      * { box-sizing: border-box }
      body { margin: 0; min-height: 100vh; display: grid; place-content: center; justify-items: center; gap: .5rem; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 1.1rem/1.5 system-ui, sans-serif; text-align: center }
      figure { margin: 0; width: min(16rem, 60vw) }
      svg { display: block; width: 100% }
      h1 { margin: .5rem 0 0; font-size: 2.2rem; letter-spacing: -.02em }
      p { margin: .25rem 0; max-width: 34rem }
      a { display: inline-block; margin-top: .5rem; padding: .5rem 1.2rem; border-radius: 2rem; background: var(--collar); color: #fff; text-decoration: none; font-weight: 600 }
      blockquote { position: relative; margin: 0 0 1rem; padding: 1rem 1.4rem; max-width: min(44rem, 92vw); overflow-wrap: anywhere; white-space: pre-wrap; text-align: left; font-family: ui-monospace, monospace; font-size: .95rem; background: var(--bubble); border: 3px solid var(--line); border-radius: 1.2rem }
      blockquote::after { content: ""; position: absolute; left: 50%; bottom: -13px; width: 18px; height: 18px; background: inherit; border: inherit; border-width: 0 3px 3px 0; transform: translateX(-50%) rotate(45deg) }
      .offline { font-size: .85rem; opacity: .75 }
    </style>
  </head>
  <body>
    ${body}
  </body>
</html>
`;
}
