"""From what a person wrote to what is executed: inheritance, defaults, and what follows from the data."""

from __future__ import annotations

from typing import Any

from distill_core.spec.catalog import Catalog, DatasetEntry
from distill_core.spec.components import fill_defaults
from distill_core.spec.data import StreamSpec, ViewSpec
from distill_core.spec.experiment import ExperimentSpec, ResolvedSpec
from distill_core.spec.layers import fill_places
from distill_core.spec.places import find_places
from distill_core.spec.references import inherit
from distill_core.spec.stage import ResolvedStage
from distill_core.spec.stream_facts import num_classes_of, shape_in_view
from distill_core.spec.transform import Normalize


def write_out(spec: ExperimentSpec, catalog: Catalog) -> ResolvedSpec:
    """Return the spec with everything written out; it must be free of problems."""
    data = {name: _write_out_stream(stream, catalog) for name, stream in spec.data.items()}
    written = [stage.model_dump(mode="json", exclude_unset=True) for stage in spec.stages]
    points = {name: tuple(catalog.models[model.model].feature_points) for name, model in spec.models.items()}
    stages = tuple(
        _write_out_stage(ResolvedStage.model_validate(stage), data, points, catalog) for stage in inherit(written)
    )
    models = _write_out_models(spec, data, stages, catalog)
    document = spec.as_document() | {
        "models": models,
        "data": {name: stream.as_document() for name, stream in data.items()},
        "stages": [stage.as_document() for stage in stages],
    }
    return ResolvedSpec.model_validate(document)


def _write_out_stream(stream: StreamSpec, catalog: Catalog) -> StreamSpec:
    entry = catalog.datasets[stream.dataset]
    views = {name: _write_out_view(view, entry) for name, view in stream.views.items()}
    return stream.model_copy(update={"params": fill_defaults(entry, stream.params), "views": views})


def _write_out_view(view: ViewSpec, entry: DatasetEntry) -> ViewSpec:
    if entry.image_shape is None and "transforms" not in view.model_fields_set:
        return view.model_copy(update={"transforms": ()})  # what is no image is not normalised
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


def _write_out_stage(
    stage: ResolvedStage, data: dict[str, StreamSpec], points: dict[str, tuple[str, ...]], catalog: Catalog
) -> ResolvedStage:
    first_teacher = stage.teachers[0] if stage.teachers else None
    objective = {}
    for name, term in stage.objective.items():
        entry = catalog.methods[term.method]
        params = fill_defaults(entry, term.params)
        listens = entry.teacher or any(place.role == "teacher" for place in find_places(entry, params))
        teacher = (term.teacher or first_teacher) if listens and not entry.ensemble else None
        heard = first_teacher if entry.ensemble else teacher
        objective[name] = term.model_copy(
            update={
                "params": fill_places(entry, params, points[stage.student], points[heard] if heard else None),
                "view": term.view or next(iter(data[term.stream or stage.train].views)),
                "teacher": teacher,
            }
        )
    mixes = stage.mix is not None and (stage.mix.mixup or stage.mix.cutmix)
    clips = stage.clip is not None and (stage.clip.norm or stage.clip.value)
    # What has no effect is written out as nothing: so a stage turns off what it would inherit.
    off = ({} if mixes else {"mix": None}) | ({} if clips else {"clip": None})
    return stage.model_copy(update={"objective": objective, **off})


def _write_out_models(
    spec: ExperimentSpec, data: dict[str, StreamSpec], stages: tuple[ResolvedStage, ...], catalog: Catalog
) -> dict[str, Any]:
    models = {}
    for name, model in spec.models.items():
        entry = catalog.models[model.model]
        stream = data[first_stream(name, stages)]
        dataset = catalog.datasets[stream.dataset]
        facts = _list_facts(stream, dataset)
        derived = {option: facts[option] for option in entry.derived if option in facts}
        params = fill_defaults(entry, derived | model.params)
        models[name] = model.model_copy(update={"params": params}).as_document()
    return models


def _list_facts(stream: StreamSpec, entry: DatasetEntry) -> dict[str, int]:
    """Return what models may want to know of the data, as far as it is known; the first view counts."""
    shape = shape_in_view(stream, entry, next(iter(stream.views)))
    facts = {"num_classes": num_classes_of(stream, entry)}
    if shape is not None:
        channels, height, width = shape
        facts |= {"in_channels": channels, "image_size": None if not height or not width else min(height, width)}
    return {name: fact for name, fact in facts.items() if fact is not None}


def first_stream(model: str, stages: tuple[ResolvedStage, ...]) -> str:
    """Return the stream that a model sees first; that of the first stage if it takes part in none."""
    stage = next((stage for stage in stages if model == stage.student or model in stage.teachers), stages[0])
    return stage.train
