import { describe, expect, test } from "vitest";
import { resolveUser } from "../../../packages/core/src/base/base-accounts.ts";
import { readBaseConfig, searchPathOf } from "../../../packages/core/src/base/base-config.ts";
import type { Base } from "../../../packages/core/src/base/read-base-image.ts";
import {
  composeContainerConfig,
  type ContainerOptions,
} from "../../../packages/core/src/build/config/container-config.ts";

const baseOf = (config: Readonly<Record<string, unknown>>): Base =>
  ({
    word: "base.tar",
    image: { config: { os: "linux", architecture: "amd64", ...config } },
  }) as unknown as Base;

/** The container config of an image on a base. */
function compose(
  base: Readonly<Record<string, unknown>>,
  options: ContainerOptions & { readonly config?: object; readonly program?: string } = {},
): Readonly<Record<string, unknown>> {
  const below = readBaseConfig(baseOf({ config: base }));
  const path = ["/result/bin", ...searchPathOf(below)];
  return composeContainerConfig({ ...options.config }, options, {
    path,
    user: undefined,
    program: options.program,
    labels: {},
    base: below.container,
  });
}

const USUAL = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

describe("a base's config below an image's own", () => {
  const base = { Entrypoint: ["/init"], Cmd: ["serve"] };

  test.each([
    ["nothing is said", {}, ["/init"], ["serve"]],
    ["a program is found", { program: "/p" }, ["/p"], undefined],
    ["a flag says the entrypoint", { entrypoint: ["/e"] }, ["/e"], undefined],
    ["a flag takes it away", { entrypoint: [] }, undefined, undefined],
    ["a flag says the command", { cmd: ["c"] }, ["/init"], ["c"]],
    ["flags say both", { entrypoint: ["/e"], cmd: ["c"] }, ["/e"], ["c"]],
    ["--config says the entrypoint", { config: { Entrypoint: ["/f"] } }, ["/f"], undefined],
    ["--config says the command", { config: { Cmd: ["d"] } }, ["/init"], ["d"]],
    ["--config says it, a program is found", { config: { Cmd: ["d"] }, program: "/p" }, ["/p"], ["d"]],
  ])("entrypoint and command where %s", (_, options, entrypoint, cmd) => {
    const { Entrypoint, Cmd } = compose(base, options);
    expect({ Entrypoint, Cmd }).toEqual({ Entrypoint: entrypoint, Cmd: cmd });
  });

  test.each([
    [["A=1", "PATH=/b:/c", "B=2"], {}, ["PATH=/result/bin:/b:/c", "A=1", "B=2"]],
    [["A=1"], { A: "2", C: "3" }, [`PATH=/result/bin:${USUAL}`, "A=2", "C=3"]],
    [["PATH="], {}, [`PATH=/result/bin:${USUAL}`]],
    [["PATH=/b"], { PATH: "/own" }, ["PATH=/own"]],
    [null, {}, [`PATH=/result/bin:${USUAL}`]],
  ])("the environment %j with %j", (Env, env, expected) => {
    expect(compose({ Env }, { env })["Env"]).toEqual(expected);
  });

  test("what is not said stays, what is said wins, and triggers are not for this image's own children", () => {
    const Healthcheck = { Test: ["CMD", "true"] };
    const kept = { User: "app", WorkingDir: "/w", StopSignal: "SIGINT", Healthcheck, Shell: ["/bin/sh"] };
    expect(compose({ ...kept, OnBuild: ["RUN x"], Volumes: null })).toMatchObject(kept);
    expect(compose({ ...kept, OnBuild: ["RUN x"] })).not.toHaveProperty("OnBuild");
    const said = { User: "root", Healthcheck: { Test: ["NONE"] } };
    expect(compose(kept, { config: said, workdir: "/own", stopSignal: "TERM" })).toMatchObject({
      ...said,
      WorkingDir: "/own",
      StopSignal: "TERM",
    });
  });

  test("the order of keys in the base makes no difference", () => {
    const one = { Labels: { a: "1" }, User: "app", Shell: ["x"] };
    const other = { Shell: ["x"], User: "app", Labels: { a: "1" } };
    expect(JSON.stringify(compose(one))).toBe(JSON.stringify(compose(other)));
  });

  test("of the whole, what its own container was is left out, and what is malformed is an error", () => {
    const whole = { author: "a", "os.version": "1", container: "x", docker_version: "20", parent: "y" };
    expect(readBaseConfig(baseOf(whole)).image).toEqual({ author: "a", "os.version": "1" });
    expect(() => readBaseConfig(baseOf({ config: { ExposedPorts: "80" } }))).toThrow(
      /'base.tar' cannot be a base: its config: 'ExposedPorts' is not an object/,
    );
  });
});

test("a base's users and groups, and numbers", () => {
  const accounts = {
    users: new Map([
      ["app", { uid: 12, gid: 34 }],
      ["nobody", { uid: 99, gid: 99 }],
    ]),
    groups: new Map([["staff", 50]]),
  };
  const resolve = (text: string): string => resolveUser(text, accounts, "--user").configUser;
  expect(["app", "app:staff", "app:7", "nobody", "root", "1000", "1000:5", "5:staff"].map(resolve)).toEqual([
    "12:34",
    "12:50",
    "12:7",
    "99:99",
    "0:0",
    "1000",
    "1000:5",
    "5:50",
  ]);
  for (const wrong of ["web", "app:web", "app:", ":staff", "a:b:c", "5:web"])
    expect(() => resolve(wrong), wrong).toThrow(/--user/);
});
