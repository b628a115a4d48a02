"""The example that the API's description shows."""

from __future__ import annotations

from typing import Any

SPEC: dict[str, Any] = {
    "version": 1,
    "name": "digits: ResNet-8 alone",
    "models": {"student": {"model": "resnet8"}},
    "data": {"train": {"dataset": "digits"}, "test": {"dataset": "digits", "split": "test"}},
    "stages": [
        {
            "name": "train",
            "student": "student",
            "train": "train",
            "validate_on": "test",
            "epochs": 2,
            "batch_size": 64,
            "objective": {"ce": {"method": "ce"}},
            "optimizer": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9},
        }
    ],
    "evaluation": {"stream": "test"},
}
"""A small experiment on data that comes with scikit-learn."""
