/** What each kind of artifact is, and how it is loaded in a few lines of Python. */

import type { Artifact } from "../api/types";

interface KindFacts {
  title: string;
  /** The lines that load the file of a name. */
  code?: (name: string) => string;
}

const read = (name: string) => `import json, pathlib\n\nfound = json.loads(pathlib.Path(${JSON.stringify(name)}).read_text())`;

export const KINDS: Record<string, KindFacts> = {
  student: {
    title: "the student's weights, with its model and options",
    code: (name) => `from distill_core.weights import load_student\n\nmodel = load_student(${JSON.stringify(name)})\noutputs = model(images)  # float tensor [n C H W]`,
  },
  torch_export: {
    title: "the student as a program of torch.export; needs PyTorch alone",
    code: (name) => `import torch\n\nmodel = torch.export.load(${JSON.stringify(name)}).module()\noutputs = model(images)  # any number of images`,
  },
  onnx: {
    title: "the student in ONNX, for other runtimes and languages",
    code: (name) => `import onnxruntime\n\nsession = onnxruntime.InferenceSession(${JSON.stringify(name)})\n(outputs,) = session.run(None, {"input": images})`,
  },
  metrics: { title: "every figure, and the history of every metric", code: (name) => `${read(name)}\naccuracy = found["figures"].get("test/accuracy")` },
  evaluation: { title: "student and teacher on the evaluation stream, class by class", code: (name) => `${read(name)}\nper_class = found["per_class"]` },
  spec: { title: "the spec with everything written out" },
  curves: { title: "losses, validation and learning rate, drawn" },
  card: { title: "the model card, as model hubs read it" },
  manifest: { title: "versions, seeds, data, hardware, and the sha256 of all other files" },
  log: { title: "the whole log, compressed" },
};

/** Exports are the student in other forms; they get a place of their own. */
export function isExport({ kind }: Pick<Artifact, "kind">): boolean {
  return kind === "torch_export" || kind === "onnx";
}

export function describeKind({ kind }: Pick<Artifact, "kind">): string {
  return KINDS[kind]?.title ?? kind;
}

export function writeLoading({ kind, name }: Pick<Artifact, "kind" | "name">): string | null {
  return KINDS[kind]?.code?.(name) ?? null;
}
