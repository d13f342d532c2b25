import { spawnSync } from "node:child_process";

/** Whether the machine's Nix is older than a version `MAJOR.MINOR`; false where there is none. */
export function nixIsOlderThan(version: string): boolean {
  const said = spawnSync("nix-store", ["--version"], { encoding: "utf8" }).stdout ?? "";
  const [major, minor] = (/(\d+)\.(\d+)/.exec(said)?.slice(1) ?? ["999", "0"]).map(Number);
  const [ofMajor = 0, ofMinor = 0] = version.split(".").map(Number);
  return (major ?? 0) < ofMajor || (major === ofMajor && (minor ?? 0) < ofMinor);
}
