import type { ReportData } from "../../packages/core/src/report/report-data.ts";

/** What a report's page was given. */
export function readReportData(page: string): ReportData {
  const [, json = ""] = /<script type="application\/json" id="report-data">(.*?)<\/script>/.exec(page) ?? [];
  return JSON.parse(json) as ReportData;
}
