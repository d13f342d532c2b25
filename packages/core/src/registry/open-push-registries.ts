import { CoreError } from "../errors.ts";
import type { PushPlace } from "./push-draft-to.ts";
import { Registries, type RegistryAccess } from "./registry-access.ts";

/**
 * Opens what an image is pushed to. A name and a password that are given are for one registry: shown to several, each would
 * know how to get into the others.
 * @throws CoreError `option-invalid`, `file-unreadable`
 */
export async function openPushRegistries(
  places: readonly PushPlace[],
  { registry = {} }: { readonly registry?: RegistryAccess | undefined },
  environment: NodeJS.ProcessEnv,
): Promise<Registries> {
  const domains = [...new Set(places.map(({ domain }) => domain))];
  if (registry.username !== undefined && domains.length > 1) {
    throw new CoreError("option-invalid", `one name and password for ${domains.length} registries`, {
      hint: "Log in to each of them with docker login, or push to one at a time.",
    });
  }
  return Registries.open(registry, { environment, login: domains[0] });
}
