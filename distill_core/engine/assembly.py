"""What a stage is put together from, before it learns: terms, taps, teachers, and which parameters learn.

One probe (a forward and a backward pass of the first batch) finds the shapes, where forward passes may end, what has to
be copied, and the parameters that the objective does not reach. It leaves buffers and random numbers as they were.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.call import undisturbed
from distill_core.draw import hash_keys
from distill_core.engine.carry import Carry
from distill_core.engine.plan import Stage
from distill_core.engine.teachers import Teacher, Teachers, assign_teachers
from distill_core.errors import Problem, SpecError
from distill_core.methods import METHODS
from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.objective import Objective, WeightedTerm, list_places, list_sources
from distill_core.probe import give_feature_points
from distill_core.source import Source
from distill_core.spec.document import join_pointer
from distill_core.spec.nearest import nearest_names
from distill_core.spec.place import PRE
from distill_core.tap import Place, Taps, find_module, find_part
from distill_core.tensors import Batch
from distill_core.term import Setting, Term
from distill_core.weight import LearnedProcess, Weighting

__all__ = ["Assembly", "assemble", "prepare", "preserved"]

Autocast = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Assembly:
    """A stage, put together.

    Attributes:
        objective: student and terms.
        terms: the terms with their places.
        taps: the student's taps.
        teachers: the teachers that a term listens to.
        weighting: the factors of the terms.
        views: stream (None is the training stream) -> the views that are wanted of it.
        unreached: parameters of the student that the objective gives no gradient to; frozen for the stage.
        frozen: modules of the student that stay in eval mode.
        deployed: what is validated and handed on, the student itself unless a term gives another model.
    """

    objective: Objective
    terms: tuple[WeightedTerm, ...]
    taps: Taps
    teachers: Teachers
    weighting: Weighting
    views: Mapping[str | None, tuple[str, ...]]
    unreached: tuple[str, ...]
    frozen: tuple[nn.Module, ...]
    deployed: nn.Module

    def train(self) -> None:
        """Switch to training mode, but for what is frozen."""
        self.objective.train()
        for module in self.frozen:
            module.eval()

    def exported(self) -> dict[str, nn.Module]:
        """Return what the terms hand to later stages."""
        return {name: module for weighted in self.terms for name, module in weighted.term.exported().items()}

    def close(self) -> None:
        """Take all hooks off the models, and let the student's parameters learn again."""
        self.taps.remove()
        self.teachers.close()
        self.objective.student.requires_grad_(requires_grad=True)


def assemble(stage: Stage, carry: Carry, processes: Mapping[str, LearnedProcess], autocast: Autocast) -> Assembly:
    """Build everything that a stage trains with.

    Raises:
        SpecError: a place does not exist or is never reached, a module to import is missing, or nothing would learn.
    """
    terms = [_create_term(stage, name) for name in stage.spec.objective]
    views = _list_views(stage, terms)
    with located(join_pointer("/stages", stage.index)):
        batch = prepare(terms, stage.first_batch(views))
    _give_feature_points(stage, carry, terms, batch)
    try:
        return _put_together(stage, carry, processes, autocast, terms, views, batch)
    except SpecError:
        _blame_term(stage, carry, terms, batch)
        raise


def _put_together(
    stage: Stage,
    carry: Carry,
    processes: Mapping[str, LearnedProcess],
    autocast: Autocast,
    terms: Sequence[WeightedTerm],
    views: Mapping[str | None, tuple[str, ...]],
    batch: Batch,
) -> Assembly:
    student = carry.models[stage.spec.student]
    weighting = Weighting(stage.spec.objective, processes)

    def tap(name: str, model: nn.Module, places: Sequence[Place]) -> Taps:
        return _tap(stage, name, model, places)

    teachers = Teachers(
        assign_teachers({name: carry.models[name] for name in stage.spec.teachers}, terms, tap, autocast)
    )
    taps = tap(stage.spec.student, student, list_places(terms, "student"))
    frozen = _freeze(stage, student)
    objective = Objective(student, terms, taps, autocast)
    assembly = Assembly(objective, tuple(terms), taps, teachers, weighting, views, (), frozen, student)
    try:
        with preserved(student):
            _build_terms(stage, carry, assembly, batch, autocast)
        with preserved(objective):
            unreached = _find_unreached(stage, assembly, batch)
    except BaseException:
        assembly.close()
        raise
    for name in unreached:
        student.get_parameter(name).requires_grad_(False)
    return replace(assembly, unreached=unreached, deployed=_find_deployed(stage, terms, student))


def _find_deployed(stage: Stage, terms: Sequence[WeightedTerm], student: nn.Module) -> nn.Module:
    """Return the model that one of the terms gives in the student's place, the student if none does."""
    given = {weighted.name: model for weighted in terms if (model := weighted.term.deployed(student)) is not None}
    if len(given) > 1:
        message = f"the terms {', '.join(given)} each hand on another model in the student's place"
        raise SpecError([Problem(join_pointer("/stages", stage.index, "objective"), "value_invalid", message)])
    return next(iter(given.values()), student)


def _blame_term(stage: Stage, carry: Carry, terms: Sequence[WeightedTerm], batch: Batch) -> None:
    """Raise the problem of the first term whose own places cannot be tapped, at that term; none where all can."""
    for weighted in terms:
        taught = [(carry.models[name], weighted.places.teacher) for name in weighted.teachers]
        for model, places in [(carry.models[stage.spec.student], weighted.places.student), *taught]:
            with located(_pointer(stage, weighted.name)), preserved(model):
                taps = Taps(model, places)
                try:
                    taps.probe(weighted.source.inputs_of(batch), weighted.source.batch_of(batch).labels)
                finally:
                    taps.remove()


def prepare(terms: Sequence[WeightedTerm], batch: Batch) -> Batch:
    """Return the batch with the views that terms derive from it, each from its own view."""
    for weighted in terms:
        if weighted.term.prepared:
            name, view = weighted.source.stream, weighted.source.view
            part = weighted.source.batch_of(batch)
            with located(join_pointer("/objective", weighted.name)):
                derived = weighted.term.prepare(replace(part, inputs={view: part.inputs[view]}))
            views = {f"{weighted.name}:{key}": inputs for key, inputs in derived.items()}
            part = replace(part, inputs={**part.inputs, **views})
            batch = part if name is None else replace(batch, extras={**batch.extras, name: part})
    return batch


@contextmanager
def preserved(model: nn.Module) -> Iterator[None]:
    """Put buffers, modes and random numbers back afterwards, and drop gradients."""
    try:
        with undisturbed(model):
            yield
    finally:
        model.zero_grad(set_to_none=True)


def _create_term(stage: Stage, name: str) -> WeightedTerm:
    spec = stage.spec.objective[name]
    term = METHODS.create(spec.method, spec.params, _pointer(stage, name))
    stream = stage.train if spec.stream is None else stage.further[spec.stream]
    source = Source(spec.view or stream.main_view, spec.stream)
    if stage.spec.accumulate > 1 and type(term).update is not Term.update:
        message = f"the method {spec.method!r} looks at a whole step, so its batch cannot be divided into parts"
        pointer = join_pointer("/stages", stage.index, "accumulate")
        raise SpecError([Problem(pointer, "value_invalid", message, stage.spec.accumulate, "1")])
    needs = term.needs_of(term.params)
    if stage.spec.batch_size < needs.smallest_batch:
        message = f"the method {spec.method!r} compares the samples of a batch and needs {needs.smallest_batch} with "
        pointer, allowed = join_pointer("/stages", stage.index, "batch_size"), f"at least {needs.smallest_batch}"
        problem = Problem(pointer, "value_invalid", f"{message}these options", stage.spec.batch_size, allowed)
        raise SpecError([problem])
    if needs.labels and stream.labels is None:
        message = f"the method {spec.method!r} needs labels with these options, and the stream has none"
        raise SpecError([Problem(_pointer(stage, name), "labels_missing", message, spec.method)])
    judged = stage.validation if stage.spec.goes_by_loss else None
    if needs.labels and judged is not None and judged.labels is None:
        message = f"validation goes by the loss, whose term {name!r} needs labels, and the stream has none"
        pointer = join_pointer("/stages", stage.index, "validate_on")
        raise SpecError([Problem(pointer, "labels_missing", message, stage.spec.validate_on)])
    teachers = stage.spec.teachers if needs.ensemble else (spec.teacher,) if spec.teacher else ()
    return WeightedTerm(name, term, term.places(term.params), source, teachers)


def _list_views(stage: Stage, terms: Sequence[WeightedTerm]) -> dict[str | None, tuple[str, ...]]:
    """Return the views of each stream that terms see; what a term prepares is made of its own view."""
    tapped = [*list_sources(terms, "student")]
    for teacher in stage.spec.teachers:
        tapped += list_sources(terms, "teacher", teacher)
    sources = [weighted.source for weighted in terms] + [source for source in tapped if ":" not in source.view]
    views: dict[str | None, tuple[str, ...]] = {None: ()}
    for source in dict.fromkeys(sources):
        views[source.stream] = (*views.get(source.stream, ()), source.view)
    return views


def _give_feature_points(stage: Stage, carry: Carry, terms: Sequence[WeightedTerm], batch: Batch) -> None:
    """Probe the models that declare no feature points, each on samples that it is going to see."""
    sources = {name: list_sources(terms, "teacher", name) for name in stage.spec.teachers}
    sources[stage.spec.student] = list_sources(terms, "student")
    for name, seen in sources.items():
        source = next(iter(seen), terms[0].source)
        give_feature_points(carry.models[name], source.inputs_of(batch))


def _tap(stage: Stage, name: str, model: nn.Module, places: Sequence[Place]) -> Taps:
    """Return the taps of a model; what runs of it may be said by hand."""
    section = stage.spec.sections.get(name)
    pointer = join_pointer("/stages", stage.index)
    with located(join_pointer(pointer, "sections", name) if section else join_pointer(pointer, "objective")):
        if section is None:
            return Taps(model, places)
        forward = None
        if section.sequential is not None:
            forward = nn.Sequential(*(find_part(model, path) for path in section.sequential))
        return Taps(model, places, forward, None if section.until is None else Place(section.until))


def _freeze(stage: Stage, student: nn.Module) -> tuple[nn.Module, ...]:
    """Freeze what the stage says, and return the modules that stay in eval mode."""
    pointer = join_pointer("/stages", stage.index)
    if stage.spec.trainable is not None:
        student.requires_grad_(requires_grad=False)
        with located(f"{pointer}/trainable"):
            for path in stage.spec.trainable:
                find_part(student, path).requires_grad_(requires_grad=True)
    with located(f"{pointer}/frozen"):
        frozen = tuple(find_part(student, path) for path in stage.spec.frozen)
    for module in frozen:
        module.requires_grad_(requires_grad=False)
    return frozen


def _build_terms(stage: Stage, carry: Carry, assembly: Assembly, batch: Batch, autocast: Autocast) -> None:
    """Probe all models, and let every term make its modules."""
    assembly.train()
    teachers = {teacher.name: teacher for teacher in assembly.teachers.teachers}
    with located(join_pointer("/stages", stage.index, "objective")):
        heard = {name: _probe(teacher.taps, batch, teacher.sources, autocast) for name, teacher in teachers.items()}
        said = _probe(assembly.taps, batch, list_sources(assembly.terms, "student"), autocast)
    for weighted in assembly.terms:
        own = weighted.listen(weighted.places.student, said)
        with located(_pointer(stage, weighted.name)):
            listened = [name for name in weighted.teachers if name in heard]
            sizes = weighted.join([weighted.listen(weighted.places.teacher, heard[name]) for name in listened])
            teacher = teachers[listened[0]] if listened else None
            weighted.term.build(_describe(stage, carry, weighted, own, sizes, teacher))
        first = next(assembly.objective.student.parameters(), None)
        is_wide = first is not None and first.dtype == torch.float64
        weighted.term.to(stage.device, torch.float64 if is_wide else None)
        weighted.term.train()


def _probe(
    taps: Taps, batch: Batch, sources: Sequence[Source], autocast: Autocast
) -> dict[Source, Mapping[Place, Any]]:
    if taps.is_empty:
        return {}
    with autocast():
        return {source: taps.probe(source.inputs_of(batch), source.batch_of(batch).labels) for source in sources}


def _describe(
    stage: Stage,
    carry: Carry,
    weighted: WeightedTerm,
    student: Mapping[Place, Tensor],
    teacher_said: Mapping[Place, Tensor],
    teacher: Teacher | None,
) -> Setting:
    stream = stage.train if weighted.source.stream is None else stage.further[weighted.source.stream]
    missing = [name for name in weighted.term.imports if name not in carry.modules]
    if missing:
        known = tuple(carry.modules)
        message = f"no earlier stage exports the module {missing[0]!r}"
        raise SpecError([Problem("", "module_missing", message, missing[0], known)])
    number = list(stage.spec.objective).index(weighted.name)
    return Setting(
        student={place: tensor.shape for place, tensor in student.items()},
        teacher={place: tensor.shape for place, tensor in teacher_said.items()},
        num_samples=len(stream),
        index_limit=stream.index_limit,
        num_classes=stream.num_classes,
        labels=stream.labels,
        index=stream.index,
        seed=hash_keys(stage.seed, number),
        imports={name: carry.modules[name] for name in weighted.term.imports},
        copy_teacher=None if teacher is None else lambda path: _copy_frozen(teacher, path),
        find_norm=None if teacher is None else lambda path: _find_norm(teacher.model, path),
        teacher_key=None if teacher is None else _identify(teacher.model),
        student_key=_identify(carry.models[stage.spec.student]),
    )


def _identify(model: nn.Module) -> tuple[str, Mapping[str, Any]] | None:
    return (MODELS.key_of(type(model)), model.params.as_document()) if isinstance(model, Model) else None


def _find_norm(model: nn.Module, path: str) -> str:
    """Return the path of the BatchNorm whose output the last activation at a place is given.

    Raises:
        SpecError: the family of the model does not say.
    """
    point = path.removesuffix(PRE)
    norms: Mapping[str, str] = getattr(model, "norms", {})
    if point not in norms:
        message = f"{type(model).__name__} does not say which BatchNorm stands before {point!r}"
        raise SpecError([Problem("", "norm_unknown", message, path, tuple(norms), nearest_names(point, norms))])
    return norms[point]


def _copy_frozen(teacher: Teacher, path: str) -> nn.Module:
    """Return a copy of a part of a teacher that no one trains and no hook sits on."""
    copied = copy.deepcopy(find_module(teacher.model, path)).eval().requires_grad_(requires_grad=False)
    for module in copied.modules():
        module._forward_hooks.clear()  # noqa: SLF001  torch has no other way to forget the hooks of a copy
        module._forward_pre_hooks.clear()  # noqa: SLF001
    return copied


def _find_unreached(stage: Stage, assembly: Assembly, batch: Batch) -> tuple[str, ...]:
    """Return the parameters of the student that get no gradient from the objective."""
    teachers = {teacher.name: teacher.run(batch, teacher.sources) for teacher in assembly.teachers.teachers}
    losses = assembly.objective(batch, teachers, assembly.weighting.at(stage.moment(stage.first_step)))
    assembly.weighting.check_parts(losses.parts)
    student = assembly.objective.student
    if not losses.total.requires_grad:
        message = f"nothing would learn in stage {stage.spec.name!r}: the objective reaches no trainable parameter"
        raise SpecError([Problem(join_pointer("/stages", stage.index, "objective"), "nothing_learns", message)])
    losses.total.backward()
    unreached = tuple(
        name for name, parameter in student.named_parameters() if parameter.requires_grad and parameter.grad is None
    )
    assembly.objective.zero_grad(set_to_none=True)
    return unreached


def _pointer(stage: Stage, term: str) -> str:
    return join_pointer("/stages", stage.index, "objective", term)


@contextmanager
def located(pointer: str) -> Iterator[None]:
    """Tell where in the spec a problem lies that was found with the models at hand."""
    try:
        yield
    except SpecError as error:
        raise type(error)([replace(problem, pointer=pointer + problem.pointer) for problem in error.problems]) from None
