import type { Patient } from "./diagnose.ts";

/** The program that a container starts is not in the image, or cannot be run. */
export async function checkEntrypoint({ root, container }: Patient): Promise<string[]> {
  const [program] = [...(container.Entrypoint ?? []), ...(container.Cmd ?? [])];
  if (program === undefined) return [];
  const places = placesOf(program, container);
  for (const place of places) if ((await root.view.findProgram(place)) !== undefined) return [];
  for (const place of places) {
    const found = await root.view.find(place);
    if (found === undefined) continue;
    const what = found.type === "directory" ? "a directory" : "not executable";
    return [`the container is to start ${program}, which is ${what}: name a program with --entrypoint`];
  }
  const where = program.includes("/") ? "in the image" : "in a folder of PATH";
  return [
    `the container is to start ${program}, which is not ${where}: name another with --entrypoint, or pack what has it as a further target`,
  ];
}

/** Where execvp(3) looks; what is relative is so to the working directory. */
function placesOf(program: string, { Env = [], WorkingDir = "/" }: Patient["container"]): string[] {
  if (program.startsWith("/")) return [program];
  if (program.includes("/")) return [`${WorkingDir}/${program}`];
  const path = Env.findLast((setting) => setting.startsWith("PATH="))?.slice("PATH=".length) ?? "";
  return path.split(":").map((folder) => `${folder}/${program}`);
}
