import { NixError, type NixErrorCode } from "../errors.ts";
import type { StorePath } from "../store-path.ts";
import { BinaryCacheStore } from "./binary-cache.ts";
import type { Store } from "./store.ts";

/** What people know a store of a chain as. */
export function nameOf(store: Store): string {
  return store instanceof BinaryCacheStore ? store.name : "this machine's store";
}

/** What a store said, which says who that is. */
export function withName(store: Store, { message }: NixError): string {
  return message.includes(nameOf(store)) ? message : `${nameOf(store)}: ${message}`;
}

/** What one would want to know of first. */
const codes: readonly NixErrorCode[] = [
  "cache-untrusted",
  "cache-corrupted",
  "cache-unsupported",
  "cache-failed",
];

/**
 * A path that no store has, with what each of them said.
 * @param failures of stores that do not just have none
 */
export function nobodyHas(
  path: StorePath,
  stores: readonly Store[],
  failures: ReadonlyMap<Store, NixError>,
): NixError {
  const said = stores.map((store) => {
    const failure = failures.get(store);
    const refusal = store instanceof BinaryCacheStore ? store.refusal(path) : undefined;
    if (failure !== undefined) return `${nameOf(store)} (${failure.message})`;
    return refusal === undefined ? nameOf(store) : `${nameOf(store)} (it answers ${refusal})`;
  });
  const isRefused = stores.some(
    (store) => store instanceof BinaryCacheStore && store.refusal(path) !== undefined,
  );
  const worst =
    codes.map((code) => failures.values().find((failure) => failure.code === code)).find(Boolean) ??
    failures.values().next().value;
  const code = worst?.code ?? (isRefused ? "cache-failed" : "path-invalid");
  const what = worst === undefined ? "is in none of the stores" : "cannot be had from any of the stores";
  return new NixError(code, `${path} ${what}: ${said.join(", ")}`, {
    path,
    cause: worst,
    hint: worst?.hint ?? "Copy it to one of them (nix copy --to), or name a further one with --store.",
  });
}

/** A path's NAR that several stores have and none gives. */
export function nobodyGives(path: StorePath, failures: readonly NixError[], last: NixError): NixError {
  if (failures.length === 1) return last;
  const reasons = failures.map(({ message }) => message).join("; ");
  return new NixError(last.code, `${path} cannot be had from any of ${failures.length} stores: ${reasons}`, {
    path,
    cause: last,
    hint: "They were damaged on their way or in the caches: try again, or name a further cache with --store.",
  });
}
