from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from distill_core.errors import SpecError
from distill_core.models import MODELS
from distill_core.tap import LOGITS, Place, Taps, call_model

OPTIONS = {"num_classes": 10, "in_channels": 1, "image_size": 8}
IMAGES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Twice(nn.Module):
    """Calls one module twice, returns a dictionary with a tuple inside."""

    def __init__(self) -> None:
        super().__init__()
        self.twofold = nn.Linear(4, 4, bias=False)
        self.inner = nn.ModuleDict({"head": nn.Linear(4, 2)})
        nn.init.eye_(self.twofold.weight)
        with torch.no_grad():
            self.twofold.weight.mul_(2)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> dict[str, Any]:
        hidden = self.twofold(self.twofold(x))
        return {"pair": (hidden, -hidden), "out": self.inner["head"](hidden)}


@pytest.fixture
def model() -> nn.Module:
    return MODELS.create("resnet8", OPTIONS).eval()


@pytest.fixture(scope="module")
def resnet18() -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    return model.eval()


def hooks_of(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def test_taps_hand_out_feature_points_module_paths_and_inputs(model: nn.Module) -> None:
    taps = Taps(model, [LOGITS, Place("stage2"), Place("stage2.relu", "in"), Place("stage1.0.conv1")])
    caught = taps.run(IMAGES)
    assert caught[LOGITS].shape == (3, 10)
    assert caught[Place("stage1.0.conv1")].shape == (3, 16, 8, 8)
    assert caught[Place("stage2")].equal(caught[Place("stage2.relu", "in")].relu())
    assert (caught[Place("stage2.relu", "in")] < 0).any()


def test_pre_is_what_the_last_activation_of_a_place_is_given(model: nn.Module) -> None:
    caught = Taps(model, [Place("stage2"), Place("stage2.pre")]).run(IMAGES)
    assert caught[Place("stage2")].equal(caught[Place("stage2.pre")].relu())


def test_pre_of_a_module_that_is_called_twice_is_its_last_call(resnet18: nn.Module) -> None:
    taps = Taps(resnet18, [Place("layer1"), Place("layer1.pre")])
    taps.probe(torch.rand(2, 3, 32, 32))
    caught = taps.run(torch.rand(2, 3, 32, 32))
    taps.remove()
    assert (caught[Place("layer1.pre")] < 0).any()
    assert caught[Place("layer1")].equal(caught[Place("layer1.pre")].relu())


def test_a_place_without_an_activation_has_no_before(model: nn.Module) -> None:
    with pytest.raises(SpecError, match="holds no activation module"):
        Taps(model, [Place("logits.pre")])


def test_a_place_that_does_not_exist_is_refused_with_the_nearest_names(model: nn.Module) -> None:
    with pytest.raises(SpecError) as caught:
        Taps(model, [Place("stage9")])
    assert "stage1" in caught.value.problems[0].nearest


def test_hooks_are_gone_after_removal(model: nn.Module) -> None:
    taps = Taps(model, [LOGITS, Place("stem", "in"), Place("stem")])
    assert hooks_of(model) == 3
    taps.remove()
    assert hooks_of(model) == 0


def test_hooks_are_inert_outside_of_a_run(model: nn.Module) -> None:
    taps = Taps(model, [Place("stage1")])
    taps.probe(IMAGES)
    assert taps.end == "stage1.relu"
    assert model(IMAGES).shape == (3, 10)


@pytest.mark.parametrize(("call", "factor"), [(0, 2.0), (1, 4.0), (None, 4.0)])
def test_of_a_module_called_twice_the_last_call_counts_unless_one_is_named(call: int | None, factor: float) -> None:
    place = Place("twofold", call=call)
    x = torch.ones(2, 4)
    assert Taps(Twice(), [place]).run(x)[place].equal(factor * x)


def test_entries_of_dictionaries_and_tuples_are_chosen_by_key() -> None:
    model, out = Twice(), Place("", key="out")
    arguments = Place("", "in", key="scale")
    taps = Taps(model, [out, Place("inner.head", "in"), arguments])
    caught = taps.run({"x": torch.ones(2, 4), "scale": torch.zeros(1)})
    assert caught[out].shape == (2, 2)
    assert caught[Place("inner.head", "in")].equal(4 * torch.ones(2, 4))
    assert caught[arguments].equal(torch.zeros(1))


@pytest.mark.parametrize(
    ("place", "message", "allowed"),
    [
        (Place(""), "gives a dictionary; name the entry by `key`", ("pair", "out")),
        (Place("", key="pair"), "gives 2 values", ("0", "1")),
        (Place("", key="absent"), "gives no tensor", ()),
    ],
)
def test_a_place_that_gives_no_tensor_is_refused(place: Place, message: str, allowed: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        Taps(Twice(), [place]).probe(torch.ones(2, 4))
    assert caught.value.problems[0].allowed == allowed


def test_a_place_that_a_pass_never_reaches_is_refused() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1).eval()
    with pytest.raises(SpecError, match=r"never reaches 'layers.0.self_attn.out_proj'"):
        Taps(encoder, [Place("layers.0.self_attn.out_proj")]).probe(torch.rand(2, 3, 8))
    with pytest.raises(SpecError, match="called 2 times in a forward pass, so there is no call 7"):
        Taps(Twice(), [Place("twofold", call=7)]).probe(torch.ones(2, 4))


def test_half_precision_activations_come_out_as_float32() -> None:
    model = nn.Sequential(nn.Linear(4, 2))
    low = Taps(model.bfloat16(), [Place("0")]).run(torch.ones(1, 4, dtype=torch.bfloat16))
    assert low[Place("0")].dtype == torch.float32
    high = Taps(model.double(), [Place("0")]).run(torch.ones(1, 4, dtype=torch.float64))
    assert high[Place("0")].dtype == torch.float64


def test_what_is_overwritten_later_in_the_pass_is_copied_and_nothing_else(resnet18: nn.Module) -> None:
    places = [Place("layer1.0.bn1"), Place("layer1.1.bn2"), Place("layer2.0.conv1"), Place("relu", "in")]
    x = torch.rand(2, 3, 32, 32)
    taps = Taps(resnet18, places)
    assert (taps.run(x)[Place("layer1.0.bn1")] >= 0).all()  # the trap: the ReLU behind it works in place
    taps.probe(x)
    assert taps._copied == {Place("layer1.0.bn1"), Place("layer1.1.bn2"), Place("relu", "in")}
    caught = taps.run(x)
    taps.remove()
    assert all((caught[place] < 0).any() for place in places)
    hidden = x
    for name in ("conv1", "bn1", "relu", "maxpool", "layer1.0.conv1", "layer1.0.bn1"):
        hidden = resnet18.get_submodule(name)(hidden)
    assert caught[Place("layer1.0.bn1")].equal(hidden)


def test_after_the_probe_a_pass_ends_behind_the_last_place(model: nn.Module) -> None:
    calls: list[str] = []
    for name, part in model.named_modules():
        part.register_forward_hook(lambda *_, name=name: calls.append(name))
    taps = Taps(model, [Place("stage1"), Place("stem")])
    taps.probe(IMAGES)
    assert "classifier" in calls
    calls.clear()
    taps.run(IMAGES)
    assert calls[-1] == "stage1.2" or calls[-1] == "stage1.relu"
    assert "stage2" not in calls


def test_with_the_logits_tapped_a_pass_runs_to_the_last_module(model: nn.Module) -> None:
    taps = Taps(model, [LOGITS])
    taps.probe(IMAGES)
    assert taps.run(IMAGES)[LOGITS].equal(model(IMAGES))


def test_gradients_of_a_cut_pass_are_those_of_the_whole_pass(model: nn.Module) -> None:
    taps = Taps(model, [Place("stage2")])

    def gradient() -> Tensor:
        model.zero_grad()
        taps.run(IMAGES)[Place("stage2")].square().mean().backward()
        weight = model.get_parameter("stem.conv.weight").grad
        assert weight is not None
        return weight.clone()

    whole = gradient()
    taps.probe(IMAGES)
    assert taps.end is not None
    assert gradient().equal(whole)


def test_the_end_can_be_said_by_hand_but_not_before_a_tapped_place(model: nn.Module) -> None:
    taps = Taps(model, [Place("stage1")], until=Place("stage2"))
    taps.probe(IMAGES)
    assert taps.end == "stage2.relu"
    with pytest.raises(SpecError, match=r"would end behind 'stage1', before 'stage2.relu', which is tapped"):
        Taps(model, [Place("stage2")], until=Place("stage1")).probe(IMAGES)


def test_a_sequence_of_modules_can_run_in_the_models_place(model: nn.Module) -> None:
    whole = Taps(model, [Place("stage1")]).run(IMAGES)[Place("stage1")]
    sequence = nn.Sequential(model.get_submodule("stem"), model.get_submodule("stage1"))
    taps = Taps(model, [Place("stage1")], forward=sequence)
    assert taps.run(IMAGES)[Place("stage1")].equal(whole)


def test_wrappers_are_looked_through(model: nn.Module) -> None:
    wrapped = nn.DataParallel(model)
    assert Taps(wrapped, [Place("stage1")])._model is model
    compiled = torch.compile(model, backend="eager")
    assert Taps(compiled, [LOGITS])._model is model  # type: ignore[arg-type]


def test_detectors_are_called_with_targets_in_training_mode_alone() -> None:
    class Detector(nn.Module):
        def forward(self, images: list[Tensor], targets: Any = None) -> dict[str, Tensor]:
            assert (targets is not None) == self.training
            return {"loss": torch.stack([image.mean() for image in images]).mean()}

    model, place = Detector(), Place("", key="loss")
    images = [torch.ones(3, 4, 5), torch.ones(3, 6, 6)]
    assert Taps(model, [place]).run(images, [{}, {}])[place] == 1
    assert call_model(model.eval(), images, [{}, {}])["loss"] == 1


def test_different_places_have_different_texts() -> None:
    places = [Place("a"), Place("a", "in"), Place("a", key=0), Place("a", key=1), Place("a", call=1), Place("b")]
    assert len({str(place) for place in places}) == len(places)
