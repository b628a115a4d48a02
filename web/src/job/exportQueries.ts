/** Exports of a finished job's student: which were asked for, how they stand, and how to ask. */

import { queryOptions } from "@tanstack/react-query";

import { getJson, sendJson } from "../api/client";
import { keys } from "../api/queries";
import type { components } from "../api/schema";
import type { Page } from "../api/types";

type Schemas = components["schemas"];
export type Export = Schemas["ExportView"];
export type ExportFormat = Export["format"];

/** What is asked for; what is left out is the exporter's own choice. */
export interface Wanted {
  format: ExportFormat;
  until?: string;
  opset?: number;
}

export const FORMATS: Record<ExportFormat, { title: string; about: string }> = {
  onnx: { title: "ONNX", about: "for other runtimes and languages" },
  torch_export: { title: "torch.export", about: "needs PyTorch alone" },
};

export function exportsQuery(id: string) {
  return queryOptions({
    queryKey: [...keys.artifacts(id), "exports"],
    queryFn: async ({ signal }) => (await getJson<Page<Export>>(`/v1/jobs/${id}/exports`, {}, signal)).data,
  });
}

export function askExport(id: string, wanted: Wanted): Promise<Export> {
  return sendJson("POST", `/v1/jobs/${id}/exports`, wanted);
}

/** "ONNX, operator set 20, up to pooled". */
export function describeExport({ format, until, opset }: Pick<Export, "format" | "until" | "opset">): string {
  return [FORMATS[format].title, opset !== null && `operator set ${opset}`, until !== null && `up to ${until}`].filter(Boolean).join(", ");
}
