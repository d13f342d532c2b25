import { readFile } from "node:fs/promises";
import {
  Registry,
  type Credentials,
  type CredentialSource,
  type RegistryOptions,
  type Retry,
} from "@stowage/oci";
import { KnownPlaces } from "../cache/known-places.ts";
import { CoreError } from "../errors.ts";
import { fileCredentials } from "./credential-source.ts";

/** How registries are spoken to, as the command's options say it. */
export interface RegistryAccess {
  /** With `password`: what the registry that is written to is shown; without, what Docker and Podman have on file. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Registries, `HOST[:PORT]`, that may be spoken to without a certificate that is verified, or in plain HTTP. */
  readonly insecure?: readonly string[] | undefined;
  /** A file of certificates in PEM that are trusted beside the usual ones. */
  readonly caFile?: string | undefined;
  /** Told of each failure after which the same is tried again. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** The registries of one command, each opened once. */
export class Registries implements AsyncDisposable {
  /** Whom they trust, and who is told of them. */
  readonly access: Pick<RegistryAccess, "insecure" | "caFile" | "onRetry">;
  readonly #options: RegistryOptions;
  readonly #places: KnownPlaces;
  readonly #open = new Map<string, Registry>();
  /** Whether a name and a password were given, without a word for which registry. */
  readonly #isForOne: boolean;

  private constructor(
    access: RegistryAccess,
    options: RegistryOptions & { readonly places: KnownPlaces },
    isForOne: boolean,
  ) {
    const { insecure, caFile, onRetry } = access;
    this.access = { insecure, caFile, onRetry };
    this.#options = options;
    this.#places = options.places;
    this.#isForOne = isForOne;
  }

  /**
   * @param login the only registry that a given name and password are shown; without, there may be one registry only
   * @throws CoreError `option-invalid`, `file-unreadable`
   */
  static async open(
    access: RegistryAccess,
    { environment, login }: { readonly environment: NodeJS.ProcessEnv; readonly login?: string | undefined },
  ): Promise<Registries> {
    const given = readLogin(access);
    const onFile = fileCredentials(environment);
    const credentials: CredentialSource = async (repository, signal) => {
      const isMeant = login === undefined || repository.domain === login;
      return given !== undefined && isMeant ? given : onFile(repository, signal);
    };
    const certificates = access.caFile === undefined ? undefined : await readCertificates(access.caFile);
    const { insecure, onRetry } = access;
    const options = {
      credentials,
      certificates,
      insecure,
      environment,
      onRetry,
      places: new KnownPlaces(environment),
    };
    return new Registries(access, options, given !== undefined && login === undefined);
  }

  /** @throws CoreError `option-invalid` for a second registry where a name and a password are for one */
  get(domain: string): Registry {
    const known = this.#open.get(domain);
    if (known !== undefined) return known;
    if (this.#isForOne && this.#open.size > 0) throw loginForSeveral(this.#open.size + 1);
    const opened = new Registry(domain, this.#options);
    this.#open.set(domain, opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((registry) => registry[Symbol.asyncDispose]()));
    this.#places[Symbol.dispose]();
  }
}

/** Shown to several registries, each would know how to get into the others. */
export function loginForSeveral(registries: number): CoreError {
  return new CoreError("option-invalid", `one name and password for ${registries} registries`, {
    hint: "Log in to each of them with docker login, or speak to one at a time.",
  });
}

function readLogin({ username, password }: RegistryAccess): Credentials | undefined {
  if (username === undefined && password === undefined) return undefined;
  if (username === undefined || password === undefined) {
    throw new CoreError("option-invalid", "a registry wants both a name and a password", {
      hint: "Give --username and --password-stdin together.",
    });
  }
  return { kind: "password", username, password };
}

export async function readCertificates(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    throw new CoreError("file-unreadable", `the certificates in '${path}' cannot be read: ${code}`, {
      path,
      cause,
    });
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new CoreError("option-invalid", `'${path}' has no certificate in PEM`, {
    path,
    hint: "It begins with -----BEGIN CERTIFICATE-----.",
  });
}
