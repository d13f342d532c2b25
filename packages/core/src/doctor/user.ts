import type { Patient } from "./diagnose.ts";

/** A user database is small. */
const MAX_BYTES = 1024 * 1024;

/** A user by name whom the image's own /etc/passwd does not have: no engine starts a container as nobody it knows. */
export async function checkUser({ root, container }: Patient): Promise<string[]> {
  const [user = "", group = ""] = (container.User ?? "").split(":");
  return [
    ...(await missing(root.view, "/etc/passwd", user)),
    ...(await missing(root.view, "/etc/group", group)),
  ];
}

async function missing(view: Patient["root"]["view"], file: string, name: string): Promise<string[]> {
  if (name === "" || /^\d+$/.test(name)) return [];
  const found = await view.find(file);
  const text = found === undefined ? "" : (await view.readHead(found, MAX_BYTES)).toString();
  if (text.split("\n").some((line) => line.startsWith(`${name}:`))) return [];
  return [
    `the container is to run as '${name}', and ${file} does not have it: give --user, which adds who is new, or a number`,
  ];
}
