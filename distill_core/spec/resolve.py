"""From what a person wrote to what is executed: inheritance, defaults, and what follows from the data."""

from __future__ import annotations

from typing import Any

from distill_core.spec.catalog import Catalog, DatasetEntry
from distill_core.spec.components import fill_defaults
from distill_core.spec.data import Normalize, StreamSpec, ViewSpec
from distill_core.spec.experiment import ExperimentSpec, ResolvedSpec
from distill_core.spec.references import inherit
from distill_core.spec.stage import ResolvedStage


def write_out(spec: ExperimentSpec, catalog: Catalog) -> ResolvedSpec:
    """Return the spec with everything written out; it must be free of problems."""
    data = {name: _write_out_stream(stream, catalog) for name, stream in spec.data.items()}
    written = [stage.model_dump(mode="json", exclude_unset=True) for stage in spec.stages]
    stages = tuple(_write_out_stage(ResolvedStage.model_validate(stage), data, catalog) for stage in inherit(written))
    models = _write_out_models(spec, data, stages, catalog)
    document = spec.as_document() | {
        "models": models,
        "data": {name: stream.as_document() for name, stream in data.items()},
        "stages": [stage.as_document() for stage in stages],
    }
    return ResolvedSpec.model_validate(document)


def stream_shape(stream: StreamSpec, entry: DatasetEntry) -> tuple[int, int, int]:
    """Return the image shape [C H W] in the stream's first view."""
    return next(iter(stream.views.values())).shape(entry.image_shape)


def _write_out_stream(stream: StreamSpec, catalog: Catalog) -> StreamSpec:
    entry = catalog.datasets[stream.dataset]
    views = {name: _write_out_view(view, entry) for name, view in stream.views.items()}
    return stream.model_copy(update={"params": fill_defaults(entry, stream.params), "views": views})


def _write_out_view(view: ViewSpec, entry: DatasetEntry) -> ViewSpec:
    return view.model_copy(
        update={
            "transforms": tuple(
                transform.model_copy(update={"mean": transform.mean or entry.mean, "std": transform.std or entry.std})
                if isinstance(transform, Normalize)
                else transform
                for transform in view.transforms
            )
        }
    )


def _write_out_stage(stage: ResolvedStage, data: dict[str, StreamSpec], catalog: Catalog) -> ResolvedStage:
    first_view = next(iter(data[stage.train].views))
    first_teacher = stage.teachers[0] if stage.teachers else None
    objective = {}
    for name, term in stage.objective.items():
        entry = catalog.methods[term.method]
        objective[name] = term.model_copy(
            update={
                "params": fill_defaults(entry, term.params),
                "view": term.view or first_view,
                "teacher": (term.teacher or first_teacher) if entry.teacher else None,
            }
        )
    return stage.model_copy(update={"objective": objective})


def _write_out_models(
    spec: ExperimentSpec, data: dict[str, StreamSpec], stages: tuple[ResolvedStage, ...], catalog: Catalog
) -> dict[str, Any]:
    models = {}
    for name, model in spec.models.items():
        entry = catalog.models[model.model]
        stream = data[first_stream(name, stages)]
        dataset = catalog.datasets[stream.dataset]
        shape = stream_shape(stream, dataset)
        facts = {"num_classes": dataset.num_classes, "in_channels": shape[0], "image_size": min(shape[1:])}
        derived = {option: facts[option] for option in entry.derived}
        params = fill_defaults(entry, derived | model.params)
        models[name] = model.model_copy(update={"params": params}).as_document()
    return models


def first_stream(model: str, stages: tuple[ResolvedStage, ...]) -> str:
    """Return the stream that a model sees first; that of the first stage if it takes part in none."""
    stage = next((stage for stage in stages if model == stage.student or model in stage.teachers), stages[0])
    return stage.train
