import type { Reference } from "../../spec/reference.ts";

/** What somebody has to show a registry. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, as `docker login` leaves it for some registries. */
  | { readonly kind: "identity"; readonly token: string }
  /** A token for the registry itself. */
  | { readonly kind: "bearer"; readonly token: string };

/** Finds credentials for a repository; asked once, and only where a registry wants any. */
export type CredentialSource = (
  repository: Pick<Reference, "domain" | "repository">,
  signal?: AbortSignal,
) => Promise<Credentials | undefined>;

/** `Authorization: Basic` (RFC 7617). */
export function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
