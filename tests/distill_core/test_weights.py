from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from distill_core.errors import WeightsError
from distill_core.files import hash_file
from distill_core.model import Model
from distill_core.models import MODELS
from distill_core.spec.model import ArtifactWeights, FileWeights, JobWeights, UploadWeights
from distill_core.weights import Input, load_student, load_weights, locate_weights, save_weights

JOB = "job_" + "0" * 26
ARTIFACT = "art_01J9ZQ4Y0000000000000000AB"


def build(key: str = "resnet8", **options: int) -> Model:
    return MODELS.create(key, {"num_classes": 10, "in_channels": 1, "image_size": 8} | options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save_weights(tmp_path / "student.safetensors", build()).path


def test_a_student_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    model = build("deep_nn", num_classes=7)
    found = load_student(save_weights(tmp_path / "x.safetensors", model).path)
    assert not found.training
    assert found.params == model.params
    for name, tensor in model.state_dict().items():
        assert found.state_dict()[name].equal(tensor)


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    model = build()
    digests = {save_weights(tmp_path / f"{number}.safetensors", model).sha256 for number in range(5)}
    assert len(digests) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"there is no weight file .*none\.safetensors"):
        load_student(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x80\x02}q\x00."])
def test_what_is_not_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load_weights(build(), path)


def test_a_truncated_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load_student(path)


def test_weights_of_another_model_are_refused_by_name(path: Path) -> None:
    with pytest.raises(WeightsError, match="holds the weights of 'resnet8', and the spec's model is 'resnet20'"):
        load_weights(build("resnet20"), path)


def test_weights_for_other_classes_are_refused_with_both_shapes(path: Path) -> None:
    with pytest.raises(WeightsError, match=r"classifier.weight \(10, 64\) instead of \(5, 64\)"):
        load_weights(build(num_classes=5), path)


def test_missing_and_unexpected_weights_of_a_foreign_file_are_named(path: Path) -> None:
    tensors = load_file(path)
    tensors["surplus.weight"] = tensors.pop("classifier.bias")
    save_file(tensors, path)
    with pytest.raises(WeightsError, match=r"missing: classifier.bias; unexpected: surplus.weight"):
        load_weights(build(), path)


def test_a_foreign_file_that_fits_is_taken(path: Path) -> None:
    tensors = load_file(path)
    save_file(tensors, path)
    model = build()
    load_weights(model, path)
    assert model.state_dict()["classifier.bias"].equal(tensors["classifier.bias"])
    with pytest.raises(WeightsError, match="does not say which model it holds"):
        load_student(path)


def test_a_student_of_an_unknown_model_is_refused(path: Path) -> None:
    identity = json.dumps({"model": "resnet9000", "params": {}})
    save_file(load_file(path), path, {"stillhouse": identity})
    with pytest.raises(WeightsError, match="holds a model that this version does not know"):
        load_student(path)


def test_an_artifact_is_taken_only_when_its_digest_is_right(path: Path) -> None:
    weights = ArtifactWeights(artifact=ARTIFACT)
    digest = hash_file(path)
    assert locate_weights(weights, {ARTIFACT: Input(path, digest)}, None) == (path, digest)
    with pytest.raises(WeightsError, match="is damaged"):
        locate_weights(weights, {ARTIFACT: Input(path, "0" * 64)}, None)
    with pytest.raises(WeightsError, match="was not handed to the run"):
        locate_weights(weights, {}, None)


def test_the_student_of_a_job_is_handed_to_the_run_under_the_jobs_id(path: Path) -> None:
    weights = JobWeights(job=JOB)
    digest = hash_file(path)
    assert locate_weights(weights, {JOB: Input(path, digest)}, None) == (path, digest)
    with pytest.raises(WeightsError, match=f"the student of {JOB} was not handed to the run"):
        locate_weights(weights, {}, None)


def test_an_upload_is_taken_as_an_artifact_is(path: Path) -> None:
    weights = UploadWeights(upload="upl_" + "0" * 26)
    assert locate_weights(weights, {weights.upload: Input(path, hash_file(path))}, None)[0] == path
    with pytest.raises(WeightsError, match=f"the upload {weights.upload} was not handed to the run"):
        locate_weights(weights, {}, None)


def test_files_are_read_below_the_weights_folder_only(path: Path) -> None:
    found, _ = locate_weights(FileWeights(file=path.name), {}, path.parent)
    assert found == path.resolve()
    with pytest.raises(WeightsError, match="outside of"):
        locate_weights(FileWeights(file=f"../{path.parent.name}/{path.name}"), {}, path.parent)
    with pytest.raises(WeightsError, match="no weights folder is configured"):
        locate_weights(FileWeights(file=path.name), {}, None)


def test_running_statistics_are_saved_too(tmp_path: Path) -> None:
    model = build().train()
    model(torch.rand(4, 1, 8, 8))
    found = load_student(save_weights(tmp_path / "x.safetensors", model).path)
    assert found.state_dict()["stem.bn.running_mean"].equal(model.state_dict()["stem.bn.running_mean"])
    assert found.state_dict()["stem.bn.num_batches_tracked"] == 1
