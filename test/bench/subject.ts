import { execFileSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import { closureOf, type Built } from "../support/world.ts";
import type { MadeClosure } from "./make-closure.ts";

/** A closure that is packed. */
export interface Subject {
  readonly name: string;
  /** The words that name it: a target and its store. */
  readonly words: readonly string[];
  /** The store path that the others are reached from. */
  readonly path: string;
  /** What a pack needs to be told. */
  readonly packOptions: readonly string[];
  /** What is before `/nix/store` in {@link Subject.directories}. */
  readonly storeRoot: string;
  readonly directories: readonly string[];
  /** Regular files, and all their bytes. */
  readonly files: number;
  readonly bytes: number;
}

/** A generated closure; the entrypoint's platform is said, as its programs are none. */
export function generatedSubject(name: string, { store, root, directories }: MadeClosure): Subject {
  return {
    name,
    words: [root, "--store", store],
    path: root,
    packOptions: ["--platform", "linux/amd64"],
    storeRoot: store.slice("local?root=".length),
    directories,
    ...count(directories),
  };
}

export function fortuneCatSubject(name: string, built: Built): Subject {
  const directories = closureOf(built.link);
  return {
    name,
    words: [built.link],
    path: readlinkSync(built.link),
    packOptions: [],
    storeRoot: "",
    directories,
    ...count(directories),
  };
}

function count(directories: readonly string[]): { readonly files: number; readonly bytes: number } {
  const sizes = execFileSync("find", [...directories, "-type", "f", "-printf", "%s\n"], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  const lines = sizes.trimEnd().split("\n");
  return { files: lines.length, bytes: lines.reduce((sum, line) => sum + Number(line), 0) };
}
