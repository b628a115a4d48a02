"""Rules that need the whole spec written out: what cannot work although every part of it is well-formed."""

from __future__ import annotations

from collections.abc import Iterator

from distill_core.errors import Problem
from distill_core.spec.catalog import Catalog
from distill_core.spec.data import StreamSpec
from distill_core.spec.document import join_pointer
from distill_core.spec.experiment import ResolvedSpec
from distill_core.spec.figure_rules import find_figure_problems
from distill_core.spec.layers import find_unfilled
from distill_core.spec.places import find_output_problems, find_place_problems
from distill_core.spec.stage import ResolvedStage
from distill_core.spec.stage_rules import find_stage_problems
from distill_core.spec.stream_facts import shape_in_view
from distill_core.spec.stream_rules import find_misfits, find_stream_problems
from distill_core.spec.views import find_view_problems


def find_rule_problems(spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    """Yield what cannot work in a resolved spec."""
    for name, stream in spec.data.items():
        yield from find_stream_problems(join_pointer("/data", name), stream, catalog.datasets[stream.dataset])
    yield from _check_classes(spec, catalog)
    for index, stage in enumerate(spec.stages):
        yield from find_stage_problems(f"/stages/{index}", stage, spec)
        yield from _check_term_names(f"/stages/{index}", stage)
        yield from _check_terms(f"/stages/{index}", stage, spec, catalog)
        yield from find_place_problems(f"/stages/{index}", stage, spec, catalog)
        yield from find_view_problems(f"/stages/{index}", stage, spec, catalog)
        yield from _check_same_data(f"/stages/{index}", stage, spec, catalog)
    yield from _check_imports(spec, catalog)
    yield from find_output_problems(spec, catalog)
    yield from find_figure_problems(spec, [name for name, stream in spec.data.items() if is_unlabelled(stream)])
    if "agreement" in spec.evaluation.metrics and spec.evaluation.stream and not spec.stages[-1].teachers:
        message = "agreement compares with a teacher, and the last stage has none"
        yield Problem("/evaluation/metrics", "teacher_missing", message, "agreement")


def _check_classes(spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    """Options that follow from the data have been written out; what is still missing no data tells."""
    for name, model in spec.models.items():
        if "num_classes" in catalog.models[model.model].derived and "num_classes" not in model.params:
            message = f"the data of the model {name!r} has no classes from which num_classes could follow: write it out"
            yield Problem(join_pointer("/models", name, "params", "num_classes"), "field_missing", message)


def _check_term_names(pointer: str, stage: ResolvedStage) -> Iterator[Problem]:
    """The logged values train/loss and train/lr are the engine's own."""
    for name in sorted({"loss", "lr"} & stage.objective.keys()):
        place = join_pointer(pointer, "objective", name)
        yield Problem(place, "name_reserved", f"no term may be called {name!r}", name, "any name but loss and lr")


def _check_terms(pointer: str, stage: ResolvedStage, spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    for name, term in stage.objective.items():
        place = join_pointer(pointer, "objective", name)
        entry = catalog.methods[term.method]
        yield from find_unfilled(place, entry, term.params)
        teachers = stage.teachers if entry.ensemble else (term.teacher,) if term.teacher else ()
        if entry.teacher and not teachers:
            message = f"the method {term.method!r} needs a teacher, and the stage names none"
            yield Problem(place, "teacher_missing", message, term.method)
        for teacher in teachers if entry.same_classes else ():
            student, taught = (spec.models[key].params.get("num_classes") for key in (stage.student, teacher))
            if student != taught:
                message = f"the method {term.method!r} compares logits: student {student} classes, {teacher} {taught}"
                yield Problem(place, "classes_differ", message, term.method)
        if stage.batch_size < entry.smallest_batch:
            message = f"the method {term.method!r} compares the samples of a batch and needs {entry.smallest_batch}"
            allowed = f"at least {entry.smallest_batch}"
            yield Problem(f"{pointer}/batch_size", "value_invalid", message, stage.batch_size, allowed)
        if entry.labels and is_unlabelled(spec.data[term.stream or stage.train]):
            message = f"the method {term.method!r} needs labels, and the stream has none"
            yield Problem(place, "labels_missing", message, term.method)
    if all(term.weight == 0 for term in stage.objective.values()):
        yield Problem(f"{pointer}/objective", "value_invalid", "every weight is 0: nothing would be learnt", 0.0, "> 0")


def _check_imports(spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    """What a method imports, a method of an earlier stage must have exported."""
    exported: set[str] = set()
    for index, stage in enumerate(spec.stages):
        entries = {name: (term.method, catalog.methods[term.method]) for name, term in stage.objective.items()}
        for name, (method, entry) in entries.items():
            for module in entry.imports:
                if module not in exported:
                    makers = tuple(key for key, other in catalog.methods.items() if module in other.exports)
                    message = f"the method {method!r} needs the module {module!r} of an earlier stage"
                    place = join_pointer(f"/stages/{index}", "objective", name)
                    yield Problem(place, "module_missing", message, module, f"a stage with {' or '.join(makers)}")
        exported |= {module for _, entry in entries.values() for module in entry.exports}


def _check_same_data(pointer: str, stage: ResolvedStage, spec: ResolvedSpec, catalog: Catalog) -> Iterator[Problem]:
    """A model's channels and image size were fixed by the stream it saw first; later streams must agree."""
    entry_of = {name: catalog.datasets[stream.dataset] for name, stream in spec.data.items()}
    fields = [("train", stage.train), ("validate_on", stage.validate_on)]
    fields += [(f"further/{name}", name) for name in stage.further]
    for field, name in fields:
        if name is None:
            continue
        for view in spec.data[name].views:
            for model in (stage.student, *stage.teachers):
                derived = catalog.models[spec.models[model].model].derived
                shape = shape_in_view(spec.data[name], entry_of[name], view)
                for code, message in find_misfits(shape, model, spec.models[model].params, derived):
                    yield Problem(f"{pointer}/{field}", code, f"view {view!r} of {name!r}: {message}", name)


def is_unlabelled(stream: StreamSpec) -> bool:
    """Return whether a stream says that its samples have no labels."""
    return bool(stream.params.get("unlabelled"))
