import { OciError } from "../errors.ts";

/** Operating system and processor, in Go's words (OCI image spec, config.md: GOOS, GOARCH). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/**
 * Reads `OS/ARCHITECTURE[/VARIANT]`.
 * @throws OciError `image-invalid`
 */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...more] = text.split("/");
  const words = [os, architecture, ...(variant === undefined ? [] : [variant])];
  if (more.length > 0 || !words.every((word) => word !== undefined && /^[a-z0-9_.-]{1,64}$/.test(word))) {
    throw new OciError("image-invalid", `'${text}' is not a platform`, {
      hint: "Write OS/ARCHITECTURE, such as linux/amd64 or linux/arm64.",
    });
  }
  return {
    os: os as string,
    architecture: architecture as string,
    ...(variant === undefined ? {} : { variant }),
  };
}

/** `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}
