from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core.files import hash_file
from distill_core.spec.outputs import OutputSpec
from tests.distill_core.outputs.leaving import OUTPUTS, leave, try_export
from tests.distill_core.outputs.models import Sizer, make_images, make_list


def _events(folder: Path, kind: str) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [event for event in events if event["type"] == kind]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    leave(folder, OUTPUTS)
    return folder


def test_everything_that_was_asked_for_is_written_and_reported(finished: Path) -> None:
    artifacts = _events(finished, "artifact")
    assert [(event["kind"], event["name"]) for event in artifacts] == [
        ("student", "student.safetensors"),
        ("torch_export", "student.pt2"),
        ("onnx", "student.onnx"),
        ("metrics", "metrics.json"),
        ("evaluation", "evaluation.json"),
        ("spec", "spec.json"),
        ("curves", "curves.svg"),
        ("curves", "curves.png"),
        ("card", "README.md"),
        ("manifest", "manifest.json"),
    ]
    assert {event["name"] for event in artifacts} == {path.name for path in (finished / "artifacts").iterdir()}
    for event in artifacts:
        path = finished / event["path"]
        assert (event["sha256"], event["size"]) == (hash_file(path), path.stat().st_size)


def test_the_manifest_is_last_and_holds_digest_and_size_of_all_others(finished: Path) -> None:
    manifest = json.loads((finished / "artifacts/manifest.json").read_text())
    assert manifest["runtime"] == {"elapsed_s": 12.5}
    assert manifest["outputs"] == {
        event["name"]: {"kind": event["kind"], "sha256": event["sha256"], "size": event["size"]}
        for event in _events(finished, "artifact")[:-1]
    }


def test_the_card_names_the_digest_of_the_spec_beside_it(finished: Path) -> None:
    assert hash_file(finished / "artifacts/spec.json") in (finished / "artifacts/README.md").read_text()


def test_nothing_is_written_that_was_not_asked_for(tmp_path: Path) -> None:
    leave(tmp_path, {"curves": [], "card": False})
    names = {path.name for path in (tmp_path / "artifacts").iterdir()}
    assert names == {"student.safetensors", "metrics.json", "evaluation.json", "spec.json", "manifest.json"}
    assert not _events(tmp_path, "warning")


def test_a_format_that_is_asked_for_twice_is_written_once(tmp_path: Path) -> None:
    leave(tmp_path, {"exports": ["torch_export", "torch_export"], "curves": ["svg", "svg"]})
    kinds = [event["kind"] for event in _events(tmp_path, "artifact")]
    assert kinds == ["student", "torch_export", "metrics", "evaluation", "spec", "curves", "card", "manifest"]


def test_a_student_that_cannot_be_traced_is_kept_and_warned_of_once(tmp_path: Path) -> None:
    wanted = OutputSpec(exports=("torch_export", "onnx"))
    assert try_export(tmp_path, Sizer(), make_list(), wanted) == []
    (warning,) = _events(tmp_path, "warning")
    assert warning["code"] == "export_failed"
    assert "takes a list of images of any sizes" in warning["message"]


class Bessel(nn.Module):
    """Uses an operator that ONNX has not."""

    def forward(self, x: Tensor) -> Tensor:
        """Return J0(x)."""
        result: Tensor = torch.special.bessel_j0(x)
        return result


def test_one_format_that_fails_does_not_take_the_other_with_it(tmp_path: Path) -> None:
    made = try_export(tmp_path, Bessel(), make_images(), OutputSpec(exports=("onnx", "torch_export")))
    assert [saved.path.name for saved in made] == ["student.pt2"]
    (warning,) = _events(tmp_path, "warning")
    assert warning["message"].startswith("Bessel cannot be exported as student.onnx: ")
