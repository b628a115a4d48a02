import { expect, test } from "vitest";

import { CATALOG } from "../testing/components";
import { applyRecipe } from "./applyRecipe";
import { changeDataset } from "./changeDataset";

const SPEC = {
  version: 1,
  name: "mine",
  models: { teacher: { model: "resnet8" }, student: { model: "resnet20" }, assistant: { model: "resnet8" } },
  data: { train: { dataset: "mnist" } },
  stages: [{ name: "own" }],
};

test("another recipe brings what it needs and keeps what was chosen", () => {
  expect(applyRecipe(SPEC, "fitnet", CATALOG)).toEqual({
    version: 1,
    name: "mine",
    models: { teacher: { model: "resnet8" }, student: { model: "resnet20" } },
    data: { train: { dataset: "mnist" }, few: { dataset: "digits", num_samples: 200 } },
    recipe: { name: "fitnet", params: { train: "few" } },
  });
});

test("a stream that stays gets the views that the recipe looks for, behind its own", () => {
  const example = { ...CATALOG.recipes["fitnet"]!.example, data: { train: { dataset: "digits", views: { main: { transforms: [] }, strong: {} } } } };
  const catalog = { ...CATALOG, recipes: { uda: { ...CATALOG.recipes["fitnet"]!, example } } };
  const own = { main: { transforms: [{ transform: "normalize" }] } };
  const streams = applyRecipe({ ...SPEC, data: { train: { dataset: "mnist", views: own } } }, "uda", catalog)["data"];
  expect(streams).toEqual({ train: { dataset: "mnist", views: { ...own, strong: {} } } });
});

test("a recipe without an example takes the roles of the one before", () => {
  const old = { ...SPEC, recipe: { name: "fitnet", params: { train: "few", hint_epochs: 3 } } };
  expect(applyRecipe(old, "kd", CATALOG)["recipe"]).toEqual({ name: "kd", params: { train: "few" } });
});

test("another data set is put into all streams of the old one, with its own pixels' mean", () => {
  const view = { main: { transforms: [{ transform: "pad", padding: 2 }, { transform: "normalize", mean: [0.3], std: [0.4] }] } };
  const streams = { train: { dataset: "digits", params: { a: 1 }, views: view }, test: { dataset: "digits" }, other: { dataset: "kmnist" } };
  expect(changeDataset(streams, "mnist", CATALOG.datasets["mnist"])).toEqual({
    train: {
      dataset: "mnist",
      views: { main: { transforms: [{ transform: "pad", padding: 2 }, { transform: "normalize", mean: [0.1307], std: [0.3081] }] } },
    },
    test: { dataset: "mnist" },
    other: { dataset: "kmnist" },
  });
});
