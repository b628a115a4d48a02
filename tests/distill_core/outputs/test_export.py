from __future__ import annotations

import copy
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from distill_core.errors import ExportError
from distill_core.outputs.export import Export, export, trace_model
from distill_core.spec.outputs import ExportFormat, OutputSpec
from distill_core.tensors import Inputs
from tests.distill_core.outputs.models import Reader, Sizer, make_classifier, make_images, make_list, make_tokens

KINDS: tuple[ExportFormat, ...] = ("torch_export", "onnx")


def _export(model: nn.Module, inputs: Inputs, folder: Path, **options: Any) -> dict[str, Export]:
    trace = trace_model(model, inputs)
    return {kind: export(kind, trace, folder, OutputSpec(**options)) for kind in KINDS}


def test_an_image_classifier_is_exported_and_agrees_at_every_batch_size(tmp_path: Path) -> None:
    model = make_classifier()
    before = copy.deepcopy(model.state_dict())
    exports = _export(model, make_images(), tmp_path)
    assert [made.file.path.name for made in exports.values()] == ["student.pt2", "student.onnx"]
    assert all(0 <= made.difference < 1e-5 for made in exports.values())
    program = torch.export.load(exports["torch_export"].file.path).module()
    session = onnxruntime.InferenceSession(exports["onnx"].file.path)
    for count in (1, 3, 40):
        images = make_images(count)
        expected = model(images).detach()
        torch.testing.assert_close(program(images).detach(), expected)
        (found,) = session.run(None, {"input": images.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-5)
    assert all(before[name].equal(tensor) for name, tensor in model.state_dict().items())


def test_figures_tell_the_difference_and_the_size(tmp_path: Path) -> None:
    made = _export(make_classifier(), make_images(), tmp_path)["onnx"]
    assert made.figures == {
        "export/onnx_max_difference": made.difference,
        "export/onnx_size_bytes": (tmp_path / "student.onnx").stat().st_size,
    }


def test_named_inputs_and_outputs_keep_their_names(tmp_path: Path) -> None:
    model, tokens = Reader().eval(), make_tokens()
    exports = _export(model, tokens, tmp_path)
    assert all(made.difference < 1e-4 for made in exports.values())
    proto = onnx.load(exports["onnx"].file.path)
    assert [value.name for value in proto.graph.input] == ["input_ids", "attention_mask"]
    assert [value.name for value in proto.graph.output] == ["logits", "hidden"]
    assert {value.type.tensor_type.shape.dim[0].dim_param for value in proto.graph.input} == {"batch"}
    program = torch.export.load(exports["torch_export"].file.path).module()
    assert program(**tokens)["logits"].shape == (4, 3)


def test_a_single_sample_is_enough(tmp_path: Path) -> None:
    path = _export(make_classifier(), make_images(1), tmp_path)["onnx"].file.path
    (found,) = onnxruntime.InferenceSession(path).run(None, {"input": make_images(3).numpy()})
    assert found.shape == (3, 10)


def test_the_operator_set_is_the_one_asked_for(tmp_path: Path) -> None:
    path = _export(make_classifier(), make_images(), tmp_path, opset=18)["onnx"].file.path
    assert onnx.load(path).opset_import[0].version == 18


def test_equal_weights_give_equal_files(tmp_path: Path) -> None:
    first = _export(make_classifier(), make_images(), tmp_path / "first")
    second = _export(make_classifier(), make_images(), tmp_path / "second")
    assert [first[kind].file.sha256 for kind in KINDS] == [second[kind].file.sha256 for kind in KINDS]


def test_no_file_holds_a_path_of_this_machine_or_a_sample(tmp_path: Path) -> None:
    images = make_images()
    exports = _export(make_classifier(), images, tmp_path)
    with zipfile.ZipFile(exports["torch_export"].file.path) as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    contents.append(exports["onnx"].file.path.read_bytes())
    for content in contents:
        assert str(Path(__file__).parents[3]).encode() not in content
        assert b"site-packages" not in content
        assert images[0].numpy().tobytes() not in content
    kept = torch.export.load(exports["torch_export"].file.path).example_inputs
    assert float(kept[0][0].abs().sum()) == 0


def test_an_exported_student_runs_without_stillhouse(tmp_path: Path) -> None:
    path = _export(make_classifier(), make_images(), tmp_path)["torch_export"].file.path
    code = (
        "import sys, torch; model = torch.export.load(sys.argv[1]).module(); "
        "print(tuple(model(torch.zeros(3, 1, 8, 8)).shape), [name for name in sys.modules if 'distill' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, path], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(3, 10) []"


def test_dropout_is_off_although_the_model_was_left_in_training_mode(tmp_path: Path) -> None:
    model = make_classifier().train()
    exports = _export(model, make_images(), tmp_path)
    assert all(made.difference < 1e-5 for made in exports.values())
    assert model.training


def test_exporting_says_nothing_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        _export(make_classifier(), make_images(), tmp_path)
    assert caplog.messages == []


class Reshaped(nn.Module):
    """Fixes its batch size."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows of two samples."""
        return x.reshape(2, -1)


class Undecided(nn.Module):
    """Does what the values say."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x or its opposite."""
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("make", "inputs", "reason"),
    [
        (Reshaped, make_images(), "Reshaped cannot be traced by torch.export: Constraints violated (batch)!"),
        (Undecided, make_images(), "Undecided cannot be traced by torch.export: Could not guard on data-dependent"),
        (Sizer, make_list(), "Sizer takes a list of images of any sizes"),
    ],
)
def test_what_cannot_be_traced_is_refused_in_one_sentence(
    make: Callable[[], nn.Module], inputs: Inputs, reason: str
) -> None:
    with pytest.raises(ExportError) as caught:
        trace_model(make(), inputs)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


class Unsteady(nn.Module):
    """Counts its calls, which no trace does."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return x times the number of the call."""
        self.calls += 1
        return x * self.calls


def test_an_export_that_computes_something_else_is_refused_and_removed(tmp_path: Path) -> None:
    trace = trace_model(Unsteady(), make_images())
    for kind in KINDS:
        with pytest.raises(ExportError, match="computes something else than the student: its outputs differ by"):
            export(kind, trace, tmp_path, OutputSpec())
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_gives_no_number_is_refused(tmp_path: Path) -> None:
    model = nn.Linear(8, 2)
    nn.init.constant_(model.weight, torch.nan)
    with pytest.raises(ExportError, match="differ by nan of the largest output"):
        export("torch_export", trace_model(model, torch.rand(3, 8)), tmp_path, OutputSpec())


def test_a_format_that_lacks_an_operator_is_refused_with_its_name(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = torch.special.bessel_j0(x)
            return result

    trace = trace_model(Odd(), make_images())
    with pytest.raises(ExportError, match=r"Odd cannot be exported as student\.onnx: ") as caught:
        export("onnx", trace, tmp_path, OutputSpec())
    assert "\n" not in str(caught.value)
    assert export("torch_export", trace, tmp_path, OutputSpec()).difference == 0
