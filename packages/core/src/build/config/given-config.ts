import { CoreError } from "../../errors.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** A config the user brought (`--config`), split into the two levels an image config has. */
export interface GivenConfig {
  /** What a container is started with: `Env`, `Entrypoint`, …, unknown keys included. */
  readonly container: JsonObject;
  /** The other keys of an image config (`author`, `os.version`, …); what follows from layers is left out. */
  readonly image: JsonObject;
  /** `os/architecture[/variant]`, where both are given. */
  readonly platform: string | undefined;
  readonly created: string | undefined;
}

const followsFromLayers = new Set(["rootfs", "history"]);
const decidedApart = new Set(["config", "architecture", "os", "variant", "created"]);

/**
 * Reads a whole image config (it has `config`, `rootfs`, `architecture` or `os`) or the container config inside one,
 * as OCI and Docker write them.
 * @param invalid what is thrown for one that is none, by default CoreError `option-invalid`
 */
export function readGivenConfig(given: unknown, invalid: Invalid = invalidOption): GivenConfig {
  if (given === undefined) return { container: {}, image: {}, platform: undefined, created: undefined };
  if (!isObject(given)) throw invalid("it is not a JSON object");
  const isImageConfig = ["config", "rootfs", "architecture", "os"].some((key) => Object.hasOwn(given, key));
  if (!isImageConfig)
    return { container: checkContainer(given, invalid), image: {}, platform: undefined, created: undefined };
  const container = given["config"] ?? {};
  if (!isObject(container)) throw invalid("'config' is not an object");
  const kept = Object.entries(given).filter(([key]) => !followsFromLayers.has(key) && !decidedApart.has(key));
  return {
    container: checkContainer(container, invalid),
    image: Object.fromEntries(kept),
    platform: platformOf(given, invalid),
    created: optionalString(given, "created", invalid),
  };
}

type Invalid = (reason: string) => Error;

function platformOf(given: JsonObject, invalid: Invalid): string | undefined {
  const os = optionalString(given, "os", invalid);
  const architecture = optionalString(given, "architecture", invalid);
  const variant = optionalString(given, "variant", invalid);
  if (os === undefined && architecture === undefined) return undefined;
  if (architecture === undefined) return undefined;
  return [os ?? "linux", architecture, ...(variant === undefined || variant === "" ? [] : [variant])].join(
    "/",
  );
}

const stringLists = new Set(["Env", "Entrypoint", "Cmd"]);
const strings = new Set(["User", "WorkingDir", "StopSignal"]);
const stringMaps = new Set(["Labels"]);
const maps = new Set(["ExposedPorts", "Volumes"]);

/** Checks the kinds of the keys that the OCI image spec (config.md) defines; others pass through unseen. */
function checkContainer(container: JsonObject, invalid: Invalid): JsonObject {
  const wrong = (key: string, kind: string): Error => invalid(`'${key}' is not ${kind}`);
  const present = Object.entries(container).filter(([, value]) => value !== null);
  for (const [key, value] of present) {
    if (stringLists.has(key) && !isStringList(value)) throw wrong(key, "a list of strings");
    if (strings.has(key) && typeof value !== "string") throw wrong(key, "a string");
    if (maps.has(key) && !isObject(value)) throw wrong(key, "an object");
    if (stringMaps.has(key) && !(isObject(value) && isStringList(Object.values(value)))) {
      throw wrong(key, "an object of strings");
    }
  }
  const env = container["Env"];
  if (isStringList(env) && env.some((setting) => setting.indexOf("=") < 1))
    throw invalid("'Env' wants NAME=VALUE strings");
  return Object.fromEntries(present);
}

function optionalString(object: JsonObject, key: string, invalid: Invalid): string | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw invalid(`'${key}' is not a string`);
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function invalidOption(reason: string): CoreError {
  return new CoreError("option-invalid", `--config: not an OCI or Docker config: ${reason}`, {
    hint: 'Give an object such as {"Env":["A=1"],"Entrypoint":["/result/bin/app"]}, or a whole image config.',
  });
}
