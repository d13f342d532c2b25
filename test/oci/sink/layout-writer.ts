import { layoutSink } from "@stowage/oci";
import { imageOf, layerOf } from "../../support/memory-image.ts";

/** Adds images to a layout, one after another, and says the name of each once it is there: PLACE NAME TIMES. */
const [place = "", name = "", times = ""] = process.argv.slice(2);
for (let index = 0; index < Number(times); index++) {
  const image = `${name}-${index}:1`;
  await layoutSink(place).write(imageOf([layerOf("shared", "of all"), layerOf("own", image)], image));
  process.stdout.write(`${image}\n`);
}
