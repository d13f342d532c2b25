import type { Target } from "@stowage/nix";
import type { ContainerConfig } from "@stowage/oci";
import type { ComposedRoot } from "../build/compose-root.ts";
import type { DecidedConfig } from "../build/decide-config.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import type { PackOptions } from "../pack-options.ts";
import { checkCertificates } from "./certificates.ts";
import { checkEntrypoint } from "./entrypoint.ts";
import { checkPrograms } from "./programs.ts";
import { checkUser } from "./user.ts";

/** An image before it is made, as far as its health goes. */
export interface Patient {
  readonly root: ComposedRoot;
  readonly targets: readonly Target[];
  readonly graph: ClosureGraph;
  readonly container: ContainerConfig;
  /** `linux/amd64`. */
  readonly platform: string;
}

/**
 * What is known to break images, each with what to do about it; nothing for a sound one. On a base only what the base cannot
 * mend is told: what it holds besides is its own business.
 */
export async function diagnose(
  { bare = false }: Pick<PackOptions, "bare">,
  context: Omit<Patient, "container" | "platform"> & {
    readonly decided: DecidedConfig;
    readonly base: unknown;
  },
): Promise<string[]> {
  const { decided, base } = context;
  const patient: Patient = {
    ...context,
    container: decided.config.config ?? {},
    platform: decided.platform,
  };
  const isAlone = base === undefined;
  return [
    ...(await checkPrograms(patient, { isAlone })),
    ...(isAlone ? await checkEntrypoint(patient) : []),
    ...(isAlone ? await checkUser(patient) : []),
    ...(isAlone ? await checkCertificates(patient) : []),
    ...(isAlone && bare ? await checkTemporaryFolder(patient) : []),
  ];
}

async function checkTemporaryFolder({ root }: Patient): Promise<string[]> {
  if ((await root.view.find("/tmp")) !== undefined) return [];
  return ["there is no /tmp in the image: leave --bare out, or add --dir /tmp:1777"];
}
