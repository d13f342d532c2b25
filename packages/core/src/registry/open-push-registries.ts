import type { PushPlace } from "./push-draft-to.ts";
import { loginForSeveral, Registries, type RegistryAccess } from "./registry-access.ts";

/**
 * Opens what an image is pushed to. A name and a password that are given are for the one registry that is pushed to.
 * @param otherDomain whom they are for where nothing is pushed
 * @throws CoreError `option-invalid`, `file-unreadable`
 */
export async function openPushRegistries(
  places: readonly PushPlace[],
  { registry = {} }: { readonly registry?: RegistryAccess | undefined },
  environment: NodeJS.ProcessEnv,
  otherDomain?: string,
): Promise<Registries> {
  const domains = [...new Set(places.map(({ domain }) => domain))];
  if (registry.username !== undefined && domains.length > 1) throw loginForSeveral(domains.length);
  return Registries.open(registry, { environment, login: domains[0] ?? otherDomain });
}
