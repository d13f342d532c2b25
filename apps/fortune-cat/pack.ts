import { analyze, pack, report, verify } from "@stowage/core";

const [targets, output] = [["result"], "fortune-cat.tar"];
const tags = ["fortune-cat:0.1.0"];
const { imageId } = await pack({ targets, output, tags, user: "cat", expose: ["8001"] });
const { verdict } = await verify({ image: output });
const { totals } = await analyze({ targets });
const page = await report({ targets: [output], output: "fortune-cat.html" });
console.log(`${output}: ${imageId}, ${verdict}; ${totals.paths} store paths, shown in ${page.output}`);
