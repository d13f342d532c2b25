import type { Command } from "commander";
import type { Speaker } from "../speaker.ts";

/** What a verb does once its words are read; returns the exit status. */
export type Action = (speaker: Speaker, command: Command) => Promise<number>;

/** A verb: how its words are read, and what it does. The action loads what it needs, so that other verbs start fast. */
export interface Verb {
  readonly command: Command;
  readonly action: Action;
}
