from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
import torch
import torchvision
from torch import Tensor, nn

from distill_core.errors import ExportError
from distill_core.outputs.cut import cut_module
from distill_core.outputs.export import export, trace_model
from distill_core.place import LOGITS, Place
from distill_core.probe import give_feature_points
from distill_core.spec.outputs import OutputSpec
from distill_core.tap import Taps, call_model
from distill_core.tensors import Inputs
from tests.distill_core.outputs.leaving import try_export
from tests.distill_core.outputs.models import Reader, Sizer, make_classifier, make_images, make_list, make_tokens


def tap(model: nn.Module, place: Place, inputs: Inputs) -> Tensor:
    """Return what flows through a place of a model in eval mode."""
    taps = Taps(model.eval(), [place])
    taps.probe(inputs)
    with torch.no_grad():
        (tensor,) = taps.run(inputs).values()
    taps.remove()
    result: Tensor = tensor
    return result


@pytest.mark.parametrize(
    "place",
    [
        *map(Place, ("stem", "stage2", "stage2.pre", "stage1.0", "stage1.0.conv1", "pooled", "logits", "")),
        Place("stage3", "in"),
    ],
    ids=str,
)
def test_a_cut_module_returns_what_flows_through_the_place(place: Place) -> None:
    model = make_classifier("resnet8")
    cut = cut_module(model, place, make_images())
    for count in (1, 3):
        images = make_images(count)
        assert call_model(cut, images).equal(tap(model, place, images))


def test_it_holds_nothing_behind_the_place_and_its_weights_keep_their_names() -> None:
    model = make_classifier("resnet8")
    cut = cut_module(model, Place("stage2"), make_images())
    weights, whole = cut.state_dict(), model.state_dict()
    assert {name.split(".")[0] for name in weights} == {"stem", "stage1", "stage2"}
    assert all(tensor.equal(whole[name]) for name, tensor in weights.items())


def test_cutting_leaves_the_model_as_it_was() -> None:
    model = make_classifier("light_nn").train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    cut = cut_module(model, LOGITS, make_images())
    assert model.training
    assert not cut.training
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert cut(make_images()).equal(cut(make_images()))  # its dropout is off


def test_what_is_overwritten_later_in_the_pass_is_as_it_flowed_through() -> None:
    torch.manual_seed(0)
    model, images = torchvision.models.resnet18(num_classes=10), torch.rand(2, 3, 32, 32)
    cut = cut_module(model, Place("layer1.0.bn1"), images)
    assert (cut(images) < 0).any()
    assert "feature_points" not in vars(model)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "swin_t"])
def test_a_model_without_declared_points_is_cut_at_those_that_are_found(name: str) -> None:
    torch.manual_seed(0)
    model, images = torchvision.models.get_model(name, weights=None), torch.rand(2, 3, 64, 64)
    cut = cut_module(model, Place("stage2"), images)
    give_feature_points(model, images)
    assert cut(images).equal(tap(model, Place("stage2"), images))
    assert len(cut.state_dict()) < len(model.state_dict()) / 2


def test_a_model_of_named_inputs_keeps_all_of_them() -> None:
    model, tokens = Reader(), make_tokens()
    cut = cut_module(model, Place("embedding"), tokens)
    assert cut(**tokens).equal(model.embedding(tokens["input_ids"]))
    assert list(cut.state_dict()) == ["embedding.weight"]


class Twice(nn.Module):
    """Calls one module twice, and may scale the result."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the results of both calls."""
        first = self.layer(x)
        second = self.layer(first)
        return {"both": (first, second if scale is None else second * scale)}


def test_of_a_module_called_twice_the_named_call_counts_and_entries_are_chosen_by_key() -> None:
    model, x = Twice(), torch.rand(2, 4)
    first = model.layer(x)
    assert cut_module(model, Place("layer", call=0), x)(x).equal(first)
    assert cut_module(model, Place("layer"), x)(x).equal(model.layer(first))
    assert cut_module(model, Place("", key="both.1"), {"x": x})(x).equal(model.layer(first))


class Undecided(nn.Module):
    """Does what the values say before its last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer of the first, or of its opposite."""
        hidden = self.first(x)
        logits: Tensor = self.last(hidden if hidden.sum() > 0 else -hidden)
        return logits


class Unsteady(nn.Module):
    """Counts its calls, which no trace does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.calls = nn.Identity(), 0

    def forward(self, x: Tensor) -> Tensor:
        """Return x times the number of the call."""
        self.calls += 1
        result: Tensor = self.layer(x * self.calls)
        return result


@pytest.mark.parametrize(
    ("make", "path", "inputs", "reason"),
    [
        (Undecided, "last", torch.rand(2, 8), "Undecided cannot be cut behind 'last': symbolically traced variables"),
        (Unsteady, "layer", make_images(), "Unsteady cannot be cut behind 'layer': what torch.fx traced computes"),
        (Sizer, "head", make_list(), "Sizer cannot be cut behind 'head': Proxy object cannot be iterated"),
        (Undecided, "lost", torch.rand(2, 8), "Undecided has no feature point or module 'lost'"),
        (nn.Flatten, "pooled", torch.rand(2, 8), "Flatten has no feature point or module 'pooled'"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_the_reason(
    make: Callable[[], nn.Module], path: str, inputs: Inputs, reason: str
) -> None:
    with pytest.raises(ExportError) as caught:
        cut_module(make(), Place(path), inputs)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_exports_of_a_cut_module_compute_what_it_computes(tmp_path: Path) -> None:
    model, images = make_classifier("resnet8"), make_images(3)
    expected = tap(model, Place("stage2"), images)
    trace = trace_model(cut_module(model, Place("stage2"), make_images()), make_images())
    program = torch.export.load(export("torch_export", trace, tmp_path, OutputSpec()).file.path).module()
    assert program(images).equal(expected)
    made = export("onnx", trace, tmp_path, OutputSpec())
    (found,) = onnxruntime.InferenceSession(made.file.path).run(["output"], {"input": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-5)
    assert str(Path(__file__).parents[3]).encode() not in made.file.path.read_bytes()


def test_a_student_is_exported_up_to_the_place_that_the_spec_names(tmp_path: Path) -> None:
    wanted = OutputSpec(exports=("torch_export",), until="stage1")
    (made,) = try_export(tmp_path, make_classifier("resnet8"), make_images(), wanted)
    assert made.path.name == "student.pt2"
    assert torch.export.load(made.path).module()(make_images()).shape == (5, 16, 8, 8)


def test_a_student_that_cannot_be_cut_is_kept_and_warned_of(tmp_path: Path) -> None:
    wanted = OutputSpec(exports=("torch_export", "onnx"), until="last")
    assert try_export(tmp_path, Undecided(), torch.rand(2, 8), wanted) == []
    (event,) = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert (event["type"], event["code"]) == ("warning", "export_failed")
    assert event["message"].startswith("Undecided cannot be cut behind 'last': ")
