import { readFile } from "node:fs/promises";
import { Registry, type Credentials, type CredentialSource, type RegistryOptions } from "@stowage/oci";
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
}

/** The registries of one command, each opened once. */
export class Registries implements AsyncDisposable {
  readonly #options: RegistryOptions;
  readonly #open = new Map<string, Registry>();

  private constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /**
   * @param login the only registry that a given name and password are shown
   * @throws CoreError `option-invalid`, `file-unreadable`
   */
  static async open(
    access: RegistryAccess,
    { environment, login }: { readonly environment: NodeJS.ProcessEnv; readonly login: string | undefined },
  ): Promise<Registries> {
    const given = readLogin(access);
    const onFile = fileCredentials(environment);
    const credentials: CredentialSource = async (repository, signal) =>
      given !== undefined && repository.domain === login ? given : onFile(repository, signal);
    const certificates = access.caFile === undefined ? undefined : await readCertificates(access.caFile);
    return new Registries({ credentials, certificates, insecure: access.insecure, environment });
  }

  get(domain: string): Registry {
    const known = this.#open.get(domain);
    if (known !== undefined) return known;
    const opened = new Registry(domain, this.#options);
    this.#open.set(domain, opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((registry) => registry[Symbol.asyncDispose]()));
  }
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

async function readCertificates(path: string): Promise<string> {
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
