import { Command } from "commander";
import type { SbomFormat } from "@stowage/core";
import { exitCodes } from "../exit-codes.ts";
import type { Speaker } from "../speaker.ts";
import { choice, readSource, type ClosureWords } from "./closure-words.ts";
import { withImageOptions } from "./image-words.ts";
import { withStoreOptions } from "./store-words.ts";
import type { Verb } from "./verb.ts";

/** As the library has them; it is not loaded for the words. */
const formats: readonly SbomFormat[] = ["cyclonedx", "spdx"];

export function sbomCommand(): Verb {
  const command = withStoreOptions(
    withImageOptions(new Command("sbom"))
      .summary("the bill of materials of a closure or an image")
      .description(
        "The bill of materials of a closure or an image: one component for each store path, with its package, NAR hash, what it depends on, and in an image its layer. The same closure gives the same bytes.\n\n  stowage sbom result > sbom.json\n  stowage sbom app.tar --format spdx > sbom.spdx.json",
      )
      .argument("[target...]", "a result link, store path, path inside one, or image")
      .addOption(choice("--format <format>", "CycloneDX 1.6 or SPDX 2.3, both as JSON", formats, "cyclonedx"))
      .option("--graph <file>", "an exported closure instead of a store, as Nix prints it; - is stdin")
      .option(
        "--created <time>",
        "time in the bill: RFC 3339, source-date-epoch or now (default: none; SPDX has to have one, and says 1970)",
      )
      .option("--random-serial", "a random serial number (default: from its content)"),
  );
  return { command, action: (speaker, parsed) => runSbom(speaker, parsed.args, parsed.opts<SbomWords>()) };
}

interface SbomWords extends ClosureWords {
  readonly format: SbomFormat;
  readonly created?: string;
  readonly randomSerial?: boolean;
}

async function runSbom(speaker: Speaker, targets: readonly string[], words: SbomWords): Promise<number> {
  const source = await readSource(speaker, targets, words);
  const { sbom } = await import("@stowage/core/explain");
  const { format, created, randomSerial } = words;
  await speaker.print(await sbom({ ...source, format, created, randomSerial }));
  return exitCodes.done;
}
