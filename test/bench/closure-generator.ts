import { createHash } from "node:crypto";

/** One path of a generated closure. */
export interface GeneratedPath {
  readonly path: string;
  readonly narHash: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

/** Numbers from 0 to 1 that are the same on every machine (Park and Miller's generator). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/**
 * A closure like those of large systems: one root, a few paths that nearly everything refers to, references mostly few
 * with a long tail, sizes log-normal, one path in 20 a second version of another. Dependencies before dependents.
 */
export function generateClosure(count: number, seed = 1): GeneratedPath[] {
  const random = randomNumbers(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const paths: GeneratedPath[] = [];
  const isReferenced = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const variant = index > 20 && random() < 0.05 ? Math.floor(random() * index) : index;
    const name = `package${variant}-${1 + (index % 4)}.${index % 30}.${index % 7}`;
    const isRoot = index === count - 1;
    const chosen = new Set<number>(random() < 0.9 && index > 0 ? [0] : []);
    // Mean about 9, as in closures of NixOS systems; popular paths (low numbers) are chosen far more often.
    const degree = Math.min(index, Math.floor(-Math.log(1 - random()) * 8));
    while (chosen.size < degree) chosen.add(Math.floor(index * random() ** 2.2));
    if (isRoot) for (const [other, referenced] of isReferenced.entries()) if (!referenced) chosen.add(other);
    chosen.delete(index);
    for (const other of chosen) isReferenced[other] = 1;
    const digest = createHash("sha256").update(`${seed} ${index}`).digest();
    const self = `/nix/store/${hashPart(digest)}-${name}`;
    const references = [...chosen].map((other) => paths[other]!.path);
    if (random() < 0.4) references.push(self);
    paths.push({
      path: self,
      narHash: digest.toString("hex"),
      narSize: Math.max(120, Math.floor(Math.exp(11.5 + 2.2 * normal()))),
      references: references.toSorted(),
    });
  }
  return paths;
}

/** Any 32 digits of Nix's base 32. */
function hashPart(digest: Buffer): string {
  const alphabet = "0123456789abcdfghijklmnpqrsvwxyz";
  return Array.from(digest, (byte) => alphabet[byte & 31]).join("");
}

/** As `nix-store --dump-db` prints it. */
export function asRegistration(paths: readonly GeneratedPath[]): string {
  return paths
    .map(({ path, narHash, narSize, references }) =>
      [path, narHash, narSize, "", references.length, ...references, ""].join("\n"),
    )
    .join("");
}

/** As `nix path-info --json` of Nix 2.33 and later prints it. */
export function asJson(paths: readonly GeneratedPath[]): string {
  const base = (path: string): string => path.slice("/nix/store/".length);
  const info = Object.fromEntries(
    paths.map(({ path, narHash, narSize, references }) => [
      base(path),
      {
        narHash: `sha256-${Buffer.from(narHash, "hex").toString("base64")}`,
        narSize,
        references: references.map(base),
        deriver: null,
      },
    ]),
  );
  return JSON.stringify({ version: 2, storeDir: "/nix/store", info });
}
