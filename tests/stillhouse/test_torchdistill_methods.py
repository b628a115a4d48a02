"""Every criterion of torchdistill as the terms that it means, with its settings and what it does otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distill_core.spec import resolve
from stillhouse.torchdistill import Imported, convert
from stillhouse.torchdistill.plain import FUNCTIONS
from stillhouse.torchdistill.terms import DEPARTURES, READERS, TOGETHER

FOLDER = Path(__file__).parents[1] / "data" / "torchdistill"
LAST = {"student_place": "stage4", "teacher_place": "stage4"}
POOLED = {"student_place": "pooled", "teacher_place": "pooled"}
CE = {"method": "ce", "weight": 1.0}

OBJECTIVES: dict[str, list[dict[str, Any]]] = {
    "rkd": [
        {
            "ce": CE,
            "rkd_da": {"method": "rkd", "weight": 1.0, "parts": {"angle": 2.0}, "params": LAST},
            "angles_only": {
                "method": "rkd",
                "weight": 2.0,
                "parts": {"angle": 1.5},
                "params": POOLED | {"relations": "angle"},
            },
        }
    ],
    "cckd": [
        {
            "kd": {"method": "kd", "weight": 1 / 16, "params": {"temperature": 4.0}},
            "cckd": {
                "method": "cckd",
                "weight": 0.003,
                "params": POOLED
                | {"embedding_size": 128, "kernel": "gaussian", "gamma": 0.4, "order": 2}
                | {"unit_norm": False, "reduction": "norm"},
            },
        }
    ],
    "ab": [
        {
            "dab_pair3": {
                "method": "ab",
                "weight": 1.0,
                "params": {"student_places": ["stage3"], "teacher_places": ["stage3"], "margin": 1.0},
            },
            "dab_pair4": {
                "method": "ab",
                "weight": 0.5,
                "params": {"student_places": ["stage4"], "teacher_places": ["stage4"], "margin": 1.0},
            },
        },
        {"ce": CE},
    ],
    "vid": [
        {
            "ce": CE,
            "vid": {
                "method": "vid",
                "weight": 1.0,
                "parts": {"place1": 2.0, "place2": 0.5},
                "params": {
                    "student_places": ["stage2", "stage3"],
                    "teacher_places": ["stage2", "stage3"],
                    "initial_variance": 5.0,
                    "epsilon": 1e-5,
                    "width_ratio": 2.0,
                },
            },
        }
    ],
    "fsp": [
        {
            "fsp": {
                "method": "fsp",
                "weight": 1.0,
                "parts": {"pair3": 0.5},
                "params": {
                    "student_pairs": [["maxpool", "stage1"], ["layer2.0", "stage2"], ["stage3", "stage4"]],
                    "teacher_pairs": [["maxpool", "stage1"], ["layer2.0", "stage2"], ["stage3", "stage4"]],
                    "reduction": "column_norm",
                },
            }
        },
        {"ce": CE},
    ],
    "ickd": [
        {
            "ce": {"method": "ce", "weight": 0.5},
            "kd": {"method": "kd", "weight": 0.5, "params": {"temperature": 1.0}},
            "cs": {
                "method": "ickd",
                "weight": 500,
                "params": LAST | {"embedding": "conv3x3", "reduction": "torchdistill"},
            },
        }
    ],
    "dist-plus": [
        {
            "ce": CE,
            "dist": {
                "method": "dist_plus",
                "weight": 2.0,
                "parts": {"inter": 2.0, "intra": 2.0},
                "params": LAST | {"temperature": 1.0},
            },
        }
    ],
    "skd": [
        {
            "instance": {
                "method": "skd",
                "weight": 1.0,
                "parts": {"direction": 3.0},
                "params": {"mode": "paper", "temperature": 4.0, "tikhonov": 0.2},
            },
            "masked": {
                "method": "skd",
                "weight": 1.0,
                "parts": {"instance": 0.5, "direction": 0.0},
                "params": {"mode": "code", "temperature": 2.0},
            },
        }
    ],
    "srd": [
        {
            "ce": CE,
            "srd_loss": {"method": "srd", "weight": 2.0, "params": LAST | {"exponent": 4.0}},
            "srd_loss_kd": {"method": "kd", "weight": 0.25, "params": {"temperature": 2.0}},
        }
    ],
    "pad": [
        {
            "ce": CE,
            "l2based": {
                "method": "loss",
                "weight": 15.0,
                "params": {
                    "loss": {"function": "mse"},
                    "input": {"of": "student", "path": "pooled"},
                    "target": {"of": "teacher", "path": "pooled"},
                },
            },
        },
        {"ce": CE, "pad_l2": {"method": "pad", "weight": 1.0, "params": POOLED}},
    ],
    "sskd": [
        {"aux_task": {"method": "sskd_head", "weight": 1.0, "params": {"teacher_place": "pooled"}}},
        {
            "ce": CE,
            "sskd_kd": {"method": "kd", "weight": 0.9, "params": {"temperature": 4.0}},
            "sskd": {
                "method": "sskd",
                "weight": 1.0,
                "parts": {"ss": 10.0, "tf": 2.7},
                "params": POOLED | {"ss_temperature": 0.5, "tf_temperature": 4.0, "ss_ratio": 0.75, "tf_ratio": 1.0},
            },
        },
    ],
    "ktaad": [
        {
            "reconst": {
                "method": "ktaad_autoencoder",
                "weight": 2.0,
                "params": {"teacher_place": "stage4", "rate": 0.5, "batch_norm": True, "sparsity": 5e-8},
            }
        },
        {"ce": CE, "adapt": {"method": "ktaad", "weight": 1.0, "parts": {"kta": 50.0}, "params": LAST}},
    ],
}


def _read(name: str, *changes: tuple[str, str]) -> Imported:
    """Translate a file of the tests, with some of its text exchanged."""
    text = (FOLDER / f"{name}.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return convert(text.encode(), name)


def _list_messages(found: Imported) -> str:
    return "\n".join(loss.message for loss in found.losses)


LOSSY = {"dist-plus"}
"""What a sign of torchdistill's says is not what the term says."""


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_criterion_is_the_terms_that_it_means(name: str) -> None:
    found = _read(name)
    assert found.is_whole is (name not in LOSSY), found.losses
    assert [stage["objective"] for stage in found.spec["stages"]] == OBJECTIVES[name]
    resolve(found.spec)


def test_every_criterion_is_in_the_documentation() -> None:
    page = (FOLDER.parents[2] / "docs" / "cli.md").read_text()
    assert [key for key in READERS | TOGETHER if f"`{key}`" not in page] == []


def test_every_criterion_has_a_file_here() -> None:
    texts = "\n".join(path.read_text() for path in FOLDER.glob("*.yaml"))
    rare = {"NLLLoss", "BCEWithLogitsLoss"}
    assert {key for key in (READERS | TOGETHER) if f"'{key}'" not in texts} == rare
    assert rare < FUNCTIONS.keys()
    assert DEPARTURES.keys() < READERS.keys()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("cckd", "the weight is divided by T^2"),
        ("cckd", "`reduction`"),
        ("pairs", "`row_norm`"),
        ("fsp", "lengths of columns"),
        ("ickd", "the batch twice"),
        ("srd", "no factor T^2"),
    ],
)
def test_what_torchdistill_computes_otherwise_is_told(name: str, wanted: str) -> None:
    assert any(wanted in note.message for note in _read(name).notes)


@pytest.mark.parametrize(
    ("name", "old", "new", "wanted"),
    [
        ("dist-plus", "iota", "iota", "opposite maps are the best"),
        ("rkd", "angle_factor: 2.0, reduction: 'mean'", "angle_factor: 2.0, reduction: 'sum'", "averaged over pairs"),
        ("cckd", "bias: True", "bias: False", "embeddings have a bias"),
        ("cckd", "in_features: 512, out_features: 128", "in_features: 512, out_features: 64", "the same length"),
        ("ab", "reduction: 'mean'", "reduction: 'sum'", "the mean over the batch"),
        ("ab", "in_channels: 512, out", "in_channels: 2048, out", "between maps of one shape"),
        ("ab", "padding: 0, bias: False", "padding: 0, bias: True", "connectors have no bias"),
        ("vid", "middle_channels: 1024", "middle_channels: 512", "relative width"),
        ("srd", "eps: 0.0001", "eps: 0.001", "epsilon 1e-4"),
        ("srd", "linear_kwargs: {", "linear_kwarg: {", "behind the student alone"),
        ("srd", "feature_module_path: 'norm_layer'", "feature_module_path: 'model.layer4'", "as it is"),
        ("pad", "eps: 0.000001", "eps: 0.001", "at least 1e-6"),
        ("sskd", "[1.0, 0.9, 10.0, 2.7]", "[1.0, 0.9]", "four weights"),
        ("ktaad", "kwargs: {p: 1, q: 2", "kwargs: {p: 1, q: 1", "Euclidean length"),
        ("ktaad", "out_channels: 256, kernel_size: 3", "out_channels: 256, kernel_size: 1", "3x3 convolutions"),
        ("ktaad", "key: 'MSELoss'", "key: 'L1Loss'", "squared differences"),
        ("review", "output_sizes: [4, 2, 1]", "output_sizes: [8, 4]", "pooled to 4, 2 and 1"),
        ("review", "abf_modules.3'", "abf_modules.4'", "every level of its chain"),
        ("review", "mid_channels: 256", "mid_channels: 600", "deepest place"),
        ("pairs", "reduction: 'batchmean'}", "reduction: 'sum'}", "here"),
        ("fitnet", "'MSELoss'", "'L1Loss'", "squared differences"),
        ("rkd", "'RKDLoss'", "'NewLoss'", "none of ours"),
    ],
)
def test_a_setting_that_means_another_loss_is_told(name: str, old: str, new: str, wanted: str) -> None:
    found = _read(name, (old, new))
    assert not found.is_whole
    assert wanted in _list_messages(found)


def test_levels_of_a_review_that_weigh_differently_are_told() -> None:
    text = (FOLDER / "review.yaml").read_text()
    head, _, tail = text.rpartition("weight: 0.8")
    found = convert(f"{head}weight: 0.4{tail}".encode(), "review")
    assert "weigh the same" in _list_messages(found)


def test_pairs_of_attention_keep_their_factors() -> None:
    pair = "student: {path: 'layer4', io: 'output'}\n                  weight: "
    found = _read("at", (f"{pair}1", f"{pair}3"))
    assert found.spec["stages"][0]["objective"]["maps"]["parts"] == {"place2": 3}


def test_what_a_module_is_given_is_what_the_one_before_it_returns() -> None:
    pair = "teacher: {path: 'layer2', io: 'output'}"
    for path, before in (
        ("layer3.0", "stage2"),
        ("layer3.2", "layer3.1"),
        ("layer1", "maxpool"),
        ("avgpool", "stage4"),
    ):
        found = _read("at", (pair, f"teacher: {{path: '{path}', io: 'input'}}"))
        assert found.is_whole
        assert found.spec["stages"][0]["objective"]["maps"]["params"]["teacher_places"][0] == before
    for path in ("conv1", "layer3.99", "layer9", "layer1.0.conv2"):
        found = _read("at", (pair, f"teacher: {{path: '{path}', io: 'input'}}"))
        assert "methods take what a module returns" in _list_messages(found)


def test_labels_may_be_smoothed_beside_soft_targets() -> None:
    found = _read("rkd", ("alpha: 1.0,", "alpha: 0.5, label_smoothing: 0.1,"))
    assert found.spec["stages"][0]["objective"]["ce"] == {
        "method": "ce",
        "weight": 0.5,
        "params": {"label_smoothing": 0.1},
    }


def test_a_code_without_sparsity_is_that_of_the_stage_that_asks_for_it() -> None:
    without = (FOLDER / "ktaad.yaml").read_text()
    start, end = without.index("          sparse:"), without.index("  stage2:")
    found = convert((without[:start] + without[end:]).encode(), "ktaad")
    assert found.is_whole
    [term] = found.spec["stages"][0]["objective"].values()
    assert (term["method"], term["params"]["sparsity"]) == ("ktaad_autoencoder", 0.0)


def test_losses_of_torch_keep_options_reductions_and_entries_of_outputs() -> None:
    objective = _read("plain").spec["stages"][0]["objective"]
    losses = {name: (term["params"]["loss"], term["params"].get("reduction")) for name, term in objective.items()}
    assert losses == {
        "masked": ({"function": "cross_entropy", "label_smoothing": 0.1, "ignore_class": 51}, None),
        "summed": ({"function": "cross_entropy"}, "sum"),
        "entries": ({"function": "cross_entropy"}, None),
        "entries_2": ({"function": "cross_entropy"}, None),
        "near": ({"function": "smooth_l1", "beta": 0.5}, None),
        "far": ({"function": "huber", "delta": 2.0}, "sum"),
        "odds": ({"function": "kl_div", "log_target": True}, "mean"),
    }
    entries = [objective[name] for name in ("entries", "entries_2")]
    assert [(term["weight"], term["params"]["input"]["key"]) for term in entries] == [(2.0, "out"), (1.0, "aux")]


def test_a_student_with_a_bottleneck_has_a_stand_in_that_can_be_run() -> None:
    found = _read("hnd")
    assert "code of another repository" in _list_messages(found)
    assert found.problems == ()
    [stage] = found.spec["stages"]
    assert stage["take_over"] == {"model": "teacher"}
    assert stage["objective"]["head"]["params"]["input"] == {"of": "student", "path": "stage2"}
    assert found.spec["models"]["student"]["params"] == {"base": "resnet50", "at": "layer2", "channels": 9}
    other = _read("hnd", ("key: 'resnet50'", "key: 'resnet34'"))
    assert "no teacher is a 'resnet50'" in _list_messages(other)
    bare = _read("hnd", ("bottleneck_idx: 7, pretrained: True", "bottleneck_idx: 7"))
    assert "take_over" not in bare.spec["stages"][0]
