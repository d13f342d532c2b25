import { CoreError } from "../../errors.ts";

/** One second after the epoch, as dockerTools has it. */
const DEFAULT_CREATED = "1970-01-01T00:00:01Z";

/**
 * The image's creation time in RFC 3339, UTC.
 * @param created RFC 3339 with an offset, `source-date-epoch` for the variable of that name, or `now`
 * @throws CoreError `option-invalid`
 */
export function parseCreated(created: string | undefined, environment: NodeJS.ProcessEnv): string {
  if (created === undefined) return DEFAULT_CREATED;
  if (created === "now") return formatTime(Date.now());
  if (created === "source-date-epoch") {
    const seconds = environment["SOURCE_DATE_EPOCH"] ?? "";
    if (/^\d{1,12}$/.test(seconds)) return formatTime(Number(seconds) * 1000);
    throw new CoreError("option-invalid", `--created source-date-epoch: SOURCE_DATE_EPOCH is '${seconds}'`, {
      hint: "Set the variable to whole seconds since 1970-01-01, such as the commit's time.",
    });
  }
  const time = isRfc3339(created) ? Date.parse(created) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new CoreError("option-invalid", `--created: '${created}' is not a time`, {
      hint: "Write it as 2026-01-31T12:00:00Z, or source-date-epoch, or now.",
    });
  }
  return formatTime(time);
}

function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(".000Z", "Z");
}

/** Whether a text is an RFC 3339 time of a day that exists: `Date` takes the 31st of February for the 3rd of March. */
function isRfc3339(text: string): boolean {
  const match = /^(\d{4}-\d\d-(\d\d))T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i.exec(text);
  const [, date, day] = match ?? [];
  return date !== undefined && new Date(`${date}T00:00:00Z`).getUTCDate() === Number(day);
}
