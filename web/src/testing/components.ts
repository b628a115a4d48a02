/** A small catalog and the schema of its specs, as the server tells them. */

import type { Catalog } from "../components/queries";
import type { Schema } from "../components/schema";

const NUMBER = { type: "number", minimum: 0, maximum: 100, default: 4, description: "Divides the logits." };

export const CATALOG: Catalog = {
  models: {
    resnet8: aModel("ResNet-8 for small images."),
    resnet20: aModel("ResNet-20 for small images."),
  },
  datasets: {
    digits: aDataset("Handwritten digits.", [0.305], [0.3758]),
    mnist: aDataset("More handwritten digits.", [0.1307], [0.3081]),
  },
  methods: {
    kd: {
      summary: "Divergence from the teacher.",
      params: { type: "object", properties: { temperature: NUMBER } },
      paper: 'Hinton: "Distilling", 2014 (arXiv 1503.02531)',
      formula: "T^2 KL(t || s)",
      use: "First of all.",
      taps: { student: ["logits"], teacher: ["logits"] },
      teacher: true,
      labels: false,
      same_classes: true,
      smallest_batch: 1,
      ensemble: false,
      imports: [],
      exports: [],
      cost: 1,
    },
  },
  recipes: {
    kd: aRecipe("Knowledge distillation.", { temperature: NUMBER }, null),
    fitnet: aRecipe(
      "FitNet in two stages.",
      { hint_epochs: { type: "integer", minimum: 1, default: 30, description: "Epochs of the hint stage." } },
      {
        version: 1,
        models: { teacher: { model: "resnet20" }, student: { model: "resnet8" } },
        data: { train: { dataset: "digits" }, few: { dataset: "digits", num_samples: 200 } },
        recipe: { name: "fitnet", params: { train: "few" } },
      },
    ),
  },
};

export const SCHEMA: Schema = {
  type: "object",
  additionalProperties: false,
  required: ["version", "name"],
  properties: {
    version: { const: 1, type: "integer", description: "Version of the format." },
    name: { type: "string", description: "Title of the experiment." },
    models: { type: "object", patternProperties: { "^[a-z]": { $ref: "#/$defs/ModelSpec" } } },
    data: { type: "object", patternProperties: { "^[a-z]": { $ref: "#/$defs/StreamSpec" } } },
    recipe: { anyOf: [{ $ref: "#/$defs/RecipeSpec" }, { type: "null" }], default: null },
    stages: { type: "array", items: { $ref: "#/$defs/StageSpec" } },
    runtime: { $ref: "#/$defs/RuntimeSpec" },
    evaluation: { type: "object" },
  },
  $defs: {
    ModelSpec: anObject({ model: { type: "string", description: "Key of the model." }, params: { type: "object" }, weights: { type: "object" } }, ["model"]),
    StreamSpec: anObject(
      {
        dataset: { type: "string" },
        split: { type: "string", default: "train", description: "Split of the data set." },
        num_samples: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: null, description: "Read only so many samples." },
        hold_out: { anyOf: [{ $ref: "#/$defs/HoldOut" }, { type: "null" }], default: null, description: "Read only a part of the split." },
        views: { type: "object" },
        params: { type: "object" },
      },
      ["dataset"],
    ),
    HoldOut: anObject({ ratio: { type: "number", exclusiveMinimum: 0, maximum: 1 }, part: { enum: ["rest", "held_out"], type: "string" } }, ["ratio", "part"]),
    RecipeSpec: anObject({ name: { type: "string" }, params: { type: "object" } }, ["name"]),
    StageSpec: anObject({
      name: { type: "string" },
      epochs: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }], default: null },
      optimizer: { $ref: "#/$defs/Optimizer" },
    }),
    RuntimeSpec: anObject({ device: { enum: ["auto", "cpu", "cuda"], type: "string", default: "auto", description: "Where it runs." }, deterministic: { type: "boolean", default: true } }),
    Optimizer: { oneOf: [{ $ref: "#/$defs/SGD" }, { $ref: "#/$defs/Adam" }] },
    SGD: anObject({ optimizer: { const: "sgd", type: "string" }, lr: { type: "number", exclusiveMinimum: 0 }, momentum: { type: "number", default: 0 } }, ["optimizer", "lr"]),
    Adam: anObject({ optimizer: { const: "adam", type: "string" }, lr: { type: "number", exclusiveMinimum: 0 } }, ["optimizer", "lr"]),
  },
};

function anObject(properties: Record<string, Schema>, required: string[] = []): Schema {
  return { type: "object", additionalProperties: false, properties, required };
}

function aModel(summary: string): Catalog["models"][string] {
  return { summary, params: { type: "object", properties: {} }, derived: [], feature_points: { stage1: "layer1" }, module_paths: ["layer1"] };
}

function aDataset(summary: string, mean: number[], std: number[]): Catalog["datasets"][string] {
  return { summary, params: { type: "object", properties: {} }, num_classes: 10, image_shape: [1, 8, 8], splits: { train: 100, test: 20 }, mean, std };
}

function aRecipe(summary: string, own: Record<string, Schema>, example: Record<string, unknown> | null): Catalog["recipes"][string] {
  const shared = {
    train: { type: "string", default: "train" },
    epochs: { type: "integer", minimum: 1, default: 240, description: "Epochs of the student." },
    optimizer: { $ref: "#/$defs/Optimizer" },
  };
  return { summary, params: { type: "object", properties: { ...shared, ...own } }, paper: 'Somebody: "Something", 2015 (arXiv 1412.6550)', example };
}
