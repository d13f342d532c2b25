import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type { Credentials } from "@stowage/oci";
import { CoreError } from "../errors.ts";

/** A helper may have to ask its user. */
const HELPER_MILLISECONDS = 120_000;

/**
 * Asks a credential helper (docker-credential-helpers, `get`) for a server's credentials; undefined where it has none.
 * What it prints is never shown: it is a secret, or may hold one.
 * @throws CoreError `helper-failed`
 */
export async function askCredentialHelper(
  question: { readonly helper: string; readonly server: string },
  options: { readonly environment: NodeJS.ProcessEnv; readonly signal?: AbortSignal | undefined },
): Promise<Credentials | undefined> {
  const program = `docker-credential-${question.helper}`;
  const answer = await run(program, question.server, options);
  if (answer.exitCode !== 0) {
    if (answer.stdout.includes("credentials not found")) return undefined;
    throw failed(program, `it ended with ${answer.exitCode}`);
  }
  const { Username, Secret } = parseAnswer(program, answer.stdout);
  if (typeof Username !== "string" || typeof Secret !== "string")
    throw failed(program, "it answered something else than credentials");
  if (Secret === "") return undefined;
  // The name that stands for an identity token in place of a password.
  return Username === "<token>"
    ? { kind: "identity", token: Secret }
    : { kind: "password", username: Username, password: Secret };
}

async function run(
  program: string,
  input: string,
  {
    environment,
    signal,
  }: { readonly environment: NodeJS.ProcessEnv; readonly signal?: AbortSignal | undefined },
): Promise<{ readonly exitCode: number | null; readonly stdout: string }> {
  // The timeout of spawn itself goes on, and holds this process up, where there is no such program.
  const timeout = AbortSignal.timeout(HELPER_MILLISECONDS);
  const child = spawn(program, ["get"], {
    env: environment,
    stdio: ["pipe", "pipe", "ignore"],
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("error", reject).on("close", resolve);
  // A helper that does not read its input is no failure of ours.
  child.stdin.on("error", () => {}).end(input);
  try {
    const [exitCode, stdout] = await Promise.all([promise, text(child.stdout)]);
    return { exitCode, stdout };
  } catch (cause) {
    signal?.throwIfAborted();
    if (timeout.aborted) throw failed(program, "it did not answer", cause);
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    throw failed(
      program,
      code === "ENOENT" ? "there is no such program" : `it cannot be run (${code})`,
      cause,
    );
  }
}

function parseAnswer(program: string, answer: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(answer) ?? {}) as Record<string, unknown>;
  } catch {
    throw failed(program, "it answered something else than JSON");
  }
}

function failed(program: string, reason: string, cause?: unknown): CoreError {
  return new CoreError(
    "helper-failed",
    `${program}, which keeps the registry's credentials, failed: ${reason}`,
    {
      path: program,
      cause,
      hint: "Mend it, take its line out of Docker's config.json, or give --username and --password-stdin.",
    },
  );
}
