"""From the text of an experiment file to a spec and what it could not carry over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distill_core.errors import Problem, SpecError
from distill_core.spec import check
from stillhouse.torchdistill.codes import ADAPTATION
from stillhouse.torchdistill.data import SETS, read_streams
from stillhouse.torchdistill.document import Document, read_document
from stillhouse.torchdistill.ledger import Ledger, Part, Remark
from stillhouse.torchdistill.models import find_base, read_model
from stillhouse.torchdistill.places import Scope, unwrap
from stillhouse.torchdistill.terms import read_objective
from stillhouse.torchdistill.training import Length, read_optimizer, read_schedule

SMALL_SETS = set(SETS.values())
ROLES = {"student_model": "student", "teacher_model": "teacher"}
DATA_WRAPPERS = {
    "CRDDatasetWrapper": "crd draws its negatives itself",
    "SSKDDatasetWrapper": "sskd turns the images itself",
}
MODEL_WRAPPERS = {
    "Linear4CRD": {"crd"},
    "Linear4CCKD": {"cckd"},
    "Teacher4FactorTransfer": {"ft", "ft_paraphraser", "ktaad", "ktaad_autoencoder"},
    "Student4FactorTransfer": {"ft"},
    "Student4KTAAD": {"ktaad"},
    "Student4KnowledgeReview": {"review"},
    "Student4ICKD": {"ickd"},
    "Connector4DAB": {"ab"},
    "VariationalDistributor4VID": {"vid"},
    "SSWrapper4SSKD": {"sskd", "sskd_head"},
    "VarianceBranch4PAD": {"pad"},
    "SRDModelWrapper": {"srd"},
}
"""What torchdistill puts around a model -> the methods that make such modules themselves."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A spec that was made of an experiment file.

    Attributes:
        spec: as well as it can be.
        losses: what the file says and the spec does not.
        notes: what a person should know of what was carried over.
        problems: what keeps the spec from being run.
    """

    spec: dict[str, Any]
    losses: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    problems: tuple[Problem, ...]

    @property
    def is_whole(self) -> bool:
        """Whether the spec is valid and says all that the file says."""
        return not self.losses and not self.problems


def convert(raw: bytes, name: str) -> Imported:
    """Translate an experiment file of torchdistill.

    Args:
        raw: its text.
        name: title of the experiment.

    Raises:
        SpecError: it is no experiment file.
    """
    document = read_document(raw)
    if not isinstance(document.value, dict) or not {"models", "train"} <= document.value.keys():
        message = "this is no experiment file of torchdistill: it has no models and train"
        raise SpecError([Problem("", "document_unreadable", message)])
    return translate(document, name)


def translate(document: Document, name: str) -> Imported:
    """Translate a file that was read."""
    ledger = Ledger(document)
    spec = _Conversion(ledger.open()).make_spec(name)
    ledger.close()
    losses = tuple(remark for remark in ledger.remarks if remark.is_loss)
    notes = tuple(remark for remark in ledger.remarks if not remark.is_loss)
    return Imported(spec, losses, notes, tuple(check(spec)))


class _Conversion:
    """The parts of a spec, made one after the other."""

    def __init__(self, file: Part) -> None:
        self._file = file
        classes = file.find("models", "student_model", "kwargs", "num_classes").peek()
        self._streams = read_streams(file.find("datasets"), classes if isinstance(classes, int) else None)
        self._names: dict[str, str] = {}
        self._loader_workers = 0
        self._is_adapted = any(
            str(entry.find("criterion", "key").peek()) in ADAPTATION
            for _, part in _list_stages(file.find("train"))
            for entry in part.find("criterion", "kwargs", "sub_terms").values()
        )

    def make_spec(self, name: str) -> dict[str, Any]:
        small = any(stream["dataset"] in SMALL_SETS for stream in self._streams.values())
        models = {ROLES.get(key, key): read_model(part, small=small) for key, part in self._file.find("models").items()}
        train = self._file.find("train")
        train.find("log_freq").take()
        self._file.find("dependencies").lose_if_there("code is none of a spec, and nothing is imported")
        self._file.find("private").lose_if_there("predictions for a benchmark's hidden labels are none here")
        stages: list[dict[str, Any]] = []
        for key, part in _list_stages(train):
            stages.append(self._make_stage(key, part, models, stages[-1] if stages else {}))
        evaluation = self._make_evaluation(self._file.find("test"))
        data = {ours: self._streams[theirs] for theirs, ours in self._names.items()}
        spec: dict[str, Any] = {"version": 1, "name": name[:128], "models": models, "data": data, "stages": stages}
        if self._loader_workers:
            spec["runtime"] = {"loader_workers": min(64, self._loader_workers)}
        return spec | evaluation

    def _make_stage(
        self, key: str, part: Part, models: Mapping[str, Mapping[str, Any]], before: Mapping[str, Any]
    ) -> dict[str, Any]:
        student, teacher = part.find("student"), part.find("teacher")
        stage: dict[str, Any] = {"name": key, "student": "student", "epochs": part.find("num_epochs").take_number()}
        stage |= {"teachers": ["teacher"]} if "teacher" in models else {}
        optimizer = read_optimizer(part.find("optimizer"))
        stage |= self._read_loaders(part, optimizer.get("accumulate", 1)) | optimizer
        rate = stage.get("optimizer", before.get("optimizer", {})).get("lr")
        stage |= read_schedule(part.find("scheduler"), Length(stage["epochs"], rate))
        if "schedule" not in stage and part.find("optimizer"):
            stage["schedule"] = {"schedule": "constant"}
        student_model, bottleneck = find_base(models.get("student", {}))
        if bottleneck and not before:
            stage |= self._take_over(models.get("teacher", {}), student_model)
        teacher_model, _ = find_base(models.get("teacher", {}))
        scope = Scope(student, teacher, student_model, teacher_model, bottleneck, self._is_adapted)
        stage["objective"] = read_objective(part.find("criterion"), scope)
        methods = {term["method"] for term in stage["objective"].values()}
        _settle_role(student, methods, is_student=True)
        _settle_role(teacher, methods, is_student=False)
        return stage | _read_frozen(student)

    def _take_over(self, teacher: Mapping[str, Any], base: str) -> dict[str, Any]:
        """Return where a student with a bottleneck has its other weights from, which torchdistill downloads."""
        kwargs = self._file.find("models", "student_model", "kwargs")
        weights = kwargs.find("weights") or kwargs.find("pretrained")
        if not weights.peek():
            return {}
        if teacher.get("model") != base:
            weights.lose(f"no teacher is a {base!r} that the weights could be taken from")
            return {}
        return {"take_over": {"model": "teacher"}}

    def _read_loaders(self, part: Part, accumulate: int) -> dict[str, Any]:
        stage: dict[str, Any] = {}
        for key, field in (("train_data_loader", "train"), ("val_data_loader", "validate_on")):
            loader = part.find(key)
            if not loader:
                continue
            stage[field] = self._name_stream(loader.find("dataset_id"))
            kwargs = loader.find("kwargs")
            self._settle_loader(loader, is_training=field == "train")
            if field == "train":
                stage |= self._read_batch(kwargs, accumulate)
                if loader.find("cache_output"):
                    stage["cache"] = {"mode": "on"}
                    loader.find("cache_output").note("the teacher's outputs are stored by the service")
        return {name: value for name, value in stage.items() if value is not None}

    def _read_batch(self, kwargs: Part, accumulate: int) -> dict[str, Any]:
        size, drop_last = kwargs.find("batch_size"), bool(kwargs.find("drop_last").take())
        batch = {"batch_size": int(size.take_number(1)) * accumulate} if size else {}
        size.note("samples of all processes together here; torchdistill's are of each process")
        return batch | ({"drop_last": True} if drop_last else {})

    def _settle_loader(self, loader: Part, *, is_training: bool) -> None:
        """Take what a loader says beside data and batch size."""
        kwargs, sampler = loader.find("kwargs"), loader.find("sampler")
        self._loader_workers = max(self._loader_workers, int(kwargs.find("num_workers").take_number(0)))
        kwargs.find("pin_memory").take()
        loader.find("requires_supp").take()
        loader.find("collate_fn").lose_if_there("samples are images with a class here")
        loader.find("batch_sampler").lose_if_there("batches are of samples in random order here")
        wrapper = loader.find("dataset_wrapper")
        key = wrapper.find("key").peek()
        if isinstance(key, str) and key in DATA_WRAPPERS:
            wrapper.note(DATA_WRAPPERS[key])
        else:
            wrapper.lose_if_there("wrapped data sets are none here")
        if not is_training:
            kwargs.find("batch_size").take()
            kwargs.find("drop_last").take()
        wanted = "RandomSampler" if is_training else "SequentialSampler"
        key = sampler.find("class_or_func", "key")
        if key and key.take_name() != wanted:
            sampler.lose(f"samples are drawn as by {wanted} here")
        sampler.find("kwargs").take()

    def _name_stream(self, data_id: Part) -> str | None:
        """Return our name of a stream, which is that of its split."""
        theirs = str(data_id.take())
        if theirs not in self._streams:
            data_id.lose(f"the data set {theirs!r} could not be carried over")
            return None
        name = theirs.rpartition("/")[2].lower()
        if theirs not in self._names:
            self._names[theirs] = name if name not in self._names.values() else f"{name}_{len(self._names)}"
        return self._names[theirs]

    def _make_evaluation(self, test: Part) -> dict[str, Any]:
        loader = test.find("test_data_loader")
        if not loader:
            return {}
        self._settle_loader(loader, is_training=False)
        stream = self._name_stream(loader.find("dataset_id"))
        return {} if stream is None else {"evaluation": {"stream": stream}}


def _list_stages(train: Part) -> list[tuple[str, Part]]:
    return [(key, part) for key, part in train.items() if key.startswith("stage")] or [("train", train)]


def _settle_role(part: Part, methods: set[str], *, is_student: bool) -> None:
    """Take what a stage says of a model beside its places."""
    for name in ("forward_proc", "wrapper", "forward_hook", "requires_grad"):
        part.find(name).take()
    if part.find("sequential"):
        part.find("sequential").note("forward passes end behind their last place by themselves here")
    wrapper = part.find("auxiliary_model_wrapper")
    key = wrapper.find("key").peek()
    if key == "EmptyModule":
        wrapper.note("what no term asks for is not run")
    elif isinstance(key, str) and methods & MODEL_WRAPPERS.get(key, set()):
        wrapper.note("modules of a method's own are made by the method")
    else:
        wrapper.lose_if_there(f"the wrapper {key!r:.60} belongs to no term that was carried over")
    if not is_student:
        part.find("frozen_modules").note("teachers do not learn")


def _read_frozen(student: Part) -> dict[str, Any]:
    frozen = student.find("frozen_modules")
    return {"frozen": [unwrap(str(path.take())) for path in frozen.elements()]} if frozen else {}
