from __future__ import annotations

from typing import Any

from distill_core.spec.inputs import NamedArtifact, NamedJob, find_artifacts, find_jobs

JOB = "job_" + "0" * 26
UPLOAD = "upl_" + "0" * 26
STUDENT, PROCESS = (f"art_{letter * 26}" for letter in "0A")


def test_weights_and_learned_processes_are_found_with_their_places() -> None:
    term = {"method": "kd", "parts": {"schedule": "process", "source": {"artifact": PROCESS}}}
    spec: dict[str, Any] = {
        "models": {"a": {"model": "resnet8", "weights": {"artifact": STUDENT}}, "b": {"weights": {"upload": UPLOAD}}},
        "stages": [{"name": "first"}, {"objective": {"kd": term, "ce": {"method": "ce"}}}],
    }
    assert list(find_artifacts(spec)) == [
        NamedArtifact("/models/a/weights/artifact", STUDENT, "student"),
        NamedArtifact("/models/b/weights/upload", UPLOAD, "weights"),
        NamedArtifact("/stages/1/objective/kd/parts/source/artifact", PROCESS, "process"),
    ]


def test_a_spec_with_a_recipe_has_no_stages_to_look_through() -> None:
    spec: dict[str, Any] = {"models": {"a": {"weights": {"file": "a.safetensors"}}}, "recipe": {"name": "kd"}}
    assert list(find_artifacts(spec)) == []


def test_jobs_whose_students_are_models_are_found_with_their_places() -> None:
    models = {"a": {"model": "resnet8", "weights": {"job": JOB}}, "b": {"weights": {"artifact": STUDENT}}, "c": {}}
    assert list(find_jobs({"models": models})) == [NamedJob("/models/a/weights/job", "a", JOB)]
    assert [named.id for named in find_artifacts({"models": models})] == [STUDENT]
