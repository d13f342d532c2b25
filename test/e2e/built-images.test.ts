import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, verify } from "@stowage/core";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startDocker } from "../support/docker.ts";
import { makePodman } from "../support/podman.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowage } from "../support/stowage.ts";
import { removeFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("docker", "dockerd", "podman");

/** What an image without a shell can be built of: a file, one that covers it, a copy of contents, settings. */
const dockerfile = `FROM scratch
COPY first /data/file
COPY second /data/file
COPY second /data/again
ENV GREETING=hello
LABEL made=here
CMD ["/data/file"]
`;

describe.skipIf(!ready)("images that Docker and Podman build", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-built-"));
  beforeAll(() => {
    writeFileSync(join(folder, "first"), Buffer.alloc(40_000, "1"));
    writeFileSync(join(folder, "second"), Buffer.alloc(30_000, "2"));
    writeFileSync(join(folder, "Dockerfile"), dockerfile);
  });
  afterAll(() => removeFolder(folder));

  async function expectExplained(image: string): Promise<void> {
    expect(await verify({ image, environment: {} })).toMatchObject({ verdict: "well-formed", findings: [] });
    const { images, findings } = await inspect({ image });
    expect(findings).toEqual([]);
    expect(images).toHaveLength(1);
    const [{ layers, config, waste }] = images as [(typeof images)[number]];
    expect(layers).toHaveLength(3);
    expect(layers.flatMap(({ storePaths }) => storePaths)).toEqual([]);
    expect(config).toMatchObject({ env: expect.arrayContaining(["GREETING=hello"]), cmd: ["/data/file"] });
    expect(waste).toMatchObject({
      hidden: [expect.objectContaining({ path: "/data/file", size: 40_000 })],
      repeated: [expect.objectContaining({ size: 30_000 })],
    });
    const { exitCode, stdout } = await stowage(["inspect", image]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("/data/file");
    const files = await stowage(["inspect", image, "--files", "1"]);
    expect(files.stdout).toMatch(/29\.3 KiB {2}\/data\/file/);
  }

  test("docker build and docker save", async () => {
    await using docker = await startDocker();
    const env = { DOCKER_BUILDKIT: "0" };
    await execa("docker", ["-H", docker.host, "build", "-q", "-t", "built:1", folder], { env });
    const archive = join(folder, "docker.tar");
    await docker.run("save", "-o", archive, "built:1");
    await expectExplained(archive);
  });

  test.each(["docker-archive", "oci-archive"])("podman build and podman save as %s", async (format) => {
    const podman = makePodman();
    await podman("build", "--layers", "-q", "-t", "built:1", folder);
    const archive = join(folder, `${format}.tar`);
    await podman("save", "--format", format, "-o", archive, "built:1");
    await expectExplained(archive);
  });
});
