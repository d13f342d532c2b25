import { runNixProgram, type NixStoreOptions } from "./nix-store-command.ts";

/** What a collection keeps besides what its roots refer to (nix.conf(5)). */
export interface GcSettings {
  /** The derivation of each live path, where it is in the store. */
  readonly keepDerivations: boolean;
  /** The outputs of each live derivation. */
  readonly keepOutputs: boolean;
}

const byDefault: GcSettings = { keepDerivations: true, keepOutputs: false };

/** How the settings are asked for: since Nix 2.20, and before. */
const questions = [["config", "show"], ["show-config"]] as const;

/** The settings of this machine's Nix; where it does not say (there may be `nix-store` alone), Nix's defaults. */
export async function readGcSettings(options: NixStoreOptions): Promise<GcSettings> {
  for (const words of questions) {
    const features = ["--extra-experimental-features", "nix-command"];
    const said = await runNixProgram("nix", [...features, ...words, "--json"], {
      ...options,
      onlyReads: true,
    }).catch(() => undefined);
    options.signal?.throwIfAborted();
    const settings = said === undefined ? undefined : parseSettings(said);
    if (settings !== undefined) return settings;
  }
  return byDefault;
}

function parseSettings(text: string): GcSettings | undefined {
  try {
    const document = JSON.parse(text) as Record<string, { readonly value?: unknown } | undefined>;
    const read = (name: string, fallback: boolean): boolean => {
      const value = document[name]?.value;
      return typeof value === "boolean" ? value : fallback;
    };
    return {
      keepDerivations: read("keep-derivations", byDefault.keepDerivations),
      keepOutputs: read("keep-outputs", byDefault.keepOutputs),
    };
  } catch {
    return undefined;
  }
}
