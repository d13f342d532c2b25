import { OciError } from "../../errors.ts";

/**
 * A proxy's URL as a variable of the environment gives it; without a scheme it is HTTP's, as for curl. Empty where there is none.
 * @throws OciError `registry-unreachable` for what is no URL of HTTP
 */
export function parseProxy(name: string, text: string): string {
  if (text === "") return "";
  const url = text.includes("://") ? text : `http://${text}`;
  if (URL.canParse(url) && /^https?:/i.test(url) && hasLogin(new URL(url))) return url;
  // Not shown: it may hold a password.
  throw new OciError("registry-unreachable", `${name} in the environment names no proxy`, {
    hint: `Write it as ${name}=http://HOST:PORT, or http://NAME:PASSWORD@HOST:PORT with each % in them as %25.`,
  });
}

/** Whether its name and password, if any, can be read. */
function hasLogin({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}
