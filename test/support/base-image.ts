import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** An image that others are put on, made by umoci: an OCI layout with gzip layers. */
export interface BaseImage {
  /** The layout; the image's name in it is `base`. */
  readonly layout: string;
}

const umoci = (...words: string[]): string =>
  execFileSync("umoci", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/**
 * Makes a base of two layers with some of this machine's own programs, as a distribution has them: `/bin` is a symlink to
 * `usr/bin`, there are users, and the second layer deletes a file of the first.
 */
export function makeBaseImage(folder: string): BaseImage {
  const layout = join(folder, "base");
  const image = `${layout}:base`;
  umoci("init", "--layout", layout);
  umoci("new", "--image", image);
  const repack = (name: string, change: (root: string) => void): void => {
    const bundle = join(folder, name);
    umoci("unpack", "--image", image, bundle);
    change(join(bundle, "rootfs"));
    umoci("repack", "--image", image, bundle);
    rmSync(bundle, { recursive: true });
  };
  repack("first", fillRoot);
  repack("second", (root) => {
    rmSync(join(root, "etc/old"));
    writeFileSync(join(root, "etc/motd"), "base\n");
  });
  const settings: Readonly<Record<string, string>> = {
    "--config.env=PATH": "/usr/bin:/bin",
    "--config.env=GREETING": "hi",
    "--config.user": "app",
    "--config.workingdir": "/home/app",
    "--config.entrypoint": "/bin/env",
    "--config.cmd": "id",
    "--config.label=maker": "umoci",
    "--config.exposedports": "80/tcp",
    "--config.volume": "/data",
    "--config.stopsignal": "SIGINT",
    "--author": "somebody",
    "--architecture": "amd64",
  };
  const words = Object.entries(settings).flatMap(([key, value]) => {
    const [option = "", name] = key.split("=");
    return [option, name === undefined ? value : `${name}=${value}`];
  });
  umoci("config", "--image", image, ...words);
  umoci("gc", "--layout", layout);
  return { layout };
}

/** Copies the base to another place and form, as skopeo names them. */
export function copyBaseImage({ layout }: BaseImage, to: string): void {
  execFileSync("skopeo", ["copy", "--quiet", `oci:${layout}:base`, to]);
}

function fillRoot(root: string): void {
  for (const directory of ["usr/bin", "usr/lib", "usr/lib64", "etc", "home/app", "tmp", "run"])
    mkdirSync(join(root, directory), { recursive: true });
  for (const name of ["bin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  chmodSync(join(root, "tmp"), 0o1777);
  execFileSync("chown", ["1234:4321", join(root, "home/app")]);
  for (const program of ["dash", "cat", "id", "ls", "env", "stat", "readlink"]) copyProgram(program, root);
  symlinkSync("dash", join(root, "usr/bin/sh"));
  const passwd = ["root:x:0:0:root:/root:/bin/sh", "app:x:1234:4321:app:/home/app:/bin/sh"];
  writeFileSync(join(root, "etc/passwd"), `${passwd.join("\n")}\n`);
  writeFileSync(join(root, "etc/group"), "root:x:0:\nstaff:x:50:\n");
  writeFileSync(join(root, "etc/old"), "old\n");
}

/** A program with the libraries it loads, in directories of a merged /usr. */
function copyProgram(program: string, root: string): void {
  const path = realpathSync(execFileSync("which", [program], { encoding: "utf8" }).trim());
  copyFileSync(path, join(root, "usr/bin", program));
  const libraries = execFileSync("ldd", [path], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
  for (const library of libraries) {
    const place = join(root, "usr", library.replace(/^\/usr\//, "/"));
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(realpathSync(library), place);
  }
}
