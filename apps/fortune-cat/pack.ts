import { pack } from "@stowage/core";

const image = await pack({
  targets: ["result"],
  output: "fortune-cat.tar",
  tags: ["fortune-cat:0.1.0"],
  user: "cat",
  expose: ["8001"],
});
console.log(`${image.output}: ${image.imageId}`);
