import { programsIn } from "../build/config/entrypoint.ts";
import { platformOfHead } from "../build/config/program-platform.ts";
import type { Found } from "../build/image-view.ts";
import { parseElfSegments } from "../elf/elf-segments.ts";
import type { Patient } from "./diagnose.ts";

/** Enough for the headers of a program, and for all of most scripts. */
const HEAD_BYTES = 64 * 1024;
/** Of one kind; a package with a thousand programs is told of by its first ones. */
const MAX_ALIKE = 3;
/** 32-bit programs that the kernels of 64-bit platforms run. */
const runsToo: Readonly<Record<string, string>> = { amd64: "386", arm64: "arm" };

/**
 * What keeps programs in the targets' `bin/` from starting: an interpreter that is not there, another platform, or a
 * script that calls what only other systems have at a fixed place.
 */
export async function checkPrograms(
  patient: Patient,
  { isAlone }: { readonly isAlone: boolean },
): Promise<string[]> {
  const { root, targets } = patient;
  const folders = [...new Set(targets.map(({ storePath }) => `${storePath}/bin`))];
  const kinds = new Map<string, string[]>();
  const tell = (kind: string, warning: string): void => {
    kinds.set(kind, [...(kinds.get(kind) ?? []), warning]);
  };
  for (const folder of folders) {
    for (const place of await programsIn(root.view, folder)) {
      const program = await root.view.findProgram(place);
      if (program !== undefined) await checkProgram(patient, place, program, { isAlone, tell });
    }
  }
  return [...kinds.values()].flatMap((alike) => [
    ...alike.slice(0, MAX_ALIKE),
    ...(alike.length > MAX_ALIKE ? [`${alike.length - MAX_ALIKE} more programs have the same trouble`] : []),
  ]);
}

interface Telling {
  readonly isAlone: boolean;
  readonly tell: (kind: string, warning: string) => void;
}

async function checkProgram(
  patient: Patient,
  place: string,
  program: Found,
  { isAlone, tell }: Telling,
): Promise<void> {
  const { root, platform } = patient;
  const head = await root.view.readHead(program, HEAD_BYTES);
  const architecture = platformOfHead(head)?.architecture;
  const wanted = platform.split("/")[1] ?? "";
  if (architecture !== undefined && architecture !== wanted && runsToo[wanted] !== architecture) {
    tell(
      "platform",
      `${place} is a program for ${architecture}, and the image is for ${platform}: build it for that, or say --platform`,
    );
    return;
  }
  if (!isAlone) return;
  const loader = elfInterpreter(head);
  if (loader !== undefined && (await root.view.find(loader)) === undefined)
    tell(
      "loader",
      `${place} asks for ${loader}, which is not in the image: it was not built by Nix; let autoPatchelfHook mend it`,
    );
  const script = /^#![ \t]*([^ \t\n]+)[ \t]*([^\n]*)\n/.exec(head.toString("latin1"));
  if (script === null) return;
  const [, interpreter = "", words = ""] = script;
  if ((await root.view.findProgram(interpreter)) === undefined) {
    const isCommon = interpreter === "/bin/sh" || interpreter === "/usr/bin/env";
    const fix = isCommon ? "add --with shell" : "let patchShebangs mend it";
    tell("interpreter", `${place} begins with #!${interpreter}, which is not in the image: ${fix}`);
    return;
  }
  await checkEnvScript(patient, place, { interpreter, words }, tell);
  for (const called of calledPlaces(head.toString("latin1").slice(script[0].length))) {
    if ((await root.view.find(called)) === undefined)
      tell(
        "places",
        `${place} calls ${called}, which is not in the image: let it call the program in the store`,
      );
  }
}

/** `#!/usr/bin/env python3` looks for the program in PATH. */
async function checkEnvScript(
  { root, container }: Patient,
  place: string,
  { interpreter, words }: { readonly interpreter: string; readonly words: string },
  tell: Telling["tell"],
): Promise<void> {
  const [name = ""] = words.trim().split(/\s+/);
  if (!interpreter.endsWith("/env") || !/^[\w.+-]+$/.test(name) || name.startsWith("-")) return;
  const path = (container.Env ?? []).findLast((setting) => setting.startsWith("PATH="))?.slice(5) ?? "";
  for (const folder of path.split(":"))
    if ((await root.view.findProgram(`${folder}/${name}`)) !== undefined) return;
  tell("env", `${place} looks for ${name} in PATH, where it is not: pack what has it as a further target`);
}

function elfInterpreter(head: Buffer): string | undefined {
  const range = parseElfSegments(head)?.interpreter;
  if (range === undefined || range.end > head.length) return undefined;
  const text = head.toString("latin1", range.start, range.end).replace(/\0.*$/s, "");
  return text.startsWith("/") ? text : undefined;
}

/**
 * Programs that a script's lines begin with, at places where Nix puts none. Only what is surely called: a place that is
 * tested for, assigned, printed or commented on is the script's own business.
 */
function calledPlaces(script: string): string[] {
  const calls = script.matchAll(
    /^[ \t]*(?:exec[ \t]+)?(\/(?:usr\/(?:local\/)?)?s?bin\/[\w.+-]+)(?=[ \t\n]|$)/gm,
  );
  return [...new Set([...calls].map(([, place = ""]) => place))];
}
