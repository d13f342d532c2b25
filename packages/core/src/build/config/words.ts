import { CoreError } from "../../errors.ts";

/**
 * `K=V` settings, later ones winning over earlier ones of the same name.
 * @throws CoreError `option-invalid`
 */
export function checkEnvironment(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) {
    if (name === "" || name.includes("=") || `${name}${value}`.includes("\0")) {
      throw new CoreError("option-invalid", `--env: '${name}' is not the name of a variable`, {
        hint: "Write NAME=VALUE.",
      });
    }
  }
}

/**
 * Docker's port syntax, `8080`, `8080/udp`, `8000-8003/tcp`, as the config's keys.
 * @throws CoreError `option-invalid`
 */
export function parsePorts(ports: readonly string[]): string[] {
  return ports.flatMap((port) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(port);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || first < 1 || last > 65535 || last < first) {
      throw new CoreError("option-invalid", `--expose: '${port}' is not a port`, {
        hint: "Write 8080, 8080/udp or 8000-8003/tcp; ports are 1 to 65535.",
      });
    }
    return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${match[3] ?? "tcp"}`);
  });
}

/** Names of Linux signals without their prefix, and numbers. */
const signalPattern =
  /^(?:SIG)?(?:HUP|INT|QUIT|ILL|TRAP|ABRT|BUS|FPE|KILL|USR1|SEGV|USR2|PIPE|ALRM|TERM|STKFLT|CHLD|CONT|STOP|TSTP|TTIN|TTOU|URG|XCPU|XFSZ|VTALRM|PROF|WINCH|IO|PWR|SYS|RTMIN(?:\+\d{1,2})?|RTMAX(?:-\d{1,2})?|[1-9]\d?)$/;

/** @throws CoreError `option-invalid` */
export function checkStopSignal(signal: string): void {
  if (!signalPattern.test(signal)) {
    throw new CoreError("option-invalid", `--stop-signal: '${signal}' is not a signal`, {
      hint: "Write SIGTERM, TERM or 15.",
    });
  }
}

/** A longer label loads everywhere, and then `ctr run` refuses to start the container. */
const LABEL_BYTES = 4096;

/** @throws CoreError `option-invalid` */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(labels)) {
    if (key === "")
      throw new CoreError("option-invalid", "--label: a label needs a name", { hint: "Write NAME=VALUE." });
    const bytes = Buffer.byteLength(key) + Buffer.byteLength(value);
    if (bytes > LABEL_BYTES) {
      throw new CoreError(
        "option-invalid",
        `--label: '${key}' has ${bytes} bytes, more than the ${LABEL_BYTES} containerd starts`,
        {
          hint: "Shorten it, or put the text into a file of the image with --add.",
        },
      );
    }
  }
}
