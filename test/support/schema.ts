import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { expect } from "vitest";
import { repository } from "./repository.ts";

const validators = new Map<string, ValidateFunction>();

/** Holds what a verb printed with `--json` against the schema of that verb; returns the document. */
export function validate(verb: string, stdout: string): Record<string, never> {
  const schema = join(repository, "packages/cli/schema", `${verb}.json`);
  const validator =
    validators.get(verb) ?? new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(schema, "utf8")));
  validators.set(verb, validator);
  const document: unknown = JSON.parse(stdout);
  expect(validator(document), JSON.stringify(validator.errors)).toBe(true);
  return document as Record<string, never>;
}
