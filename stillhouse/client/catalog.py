"""What specs may name, and the check of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_core.spec import ExperimentSpec, parse_document
from stillhouse.client.results import Components, Upload
from stillhouse.client.webhooks import WebhookCalls

Spec = Mapping[str, Any] | ExperimentSpec | Path | str
"""An experiment spec: plain data, the spec's own object, or the path of a YAML or JSON file."""


class CatalogCalls(WebhookCalls):
    """Calls about specs and what they may name."""

    def components(self) -> Components:
        """Return the methods, models, data sets and recipes that the server knows, each with its options."""
        return Components.model_validate(self._transport.get("/v1/components"))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a spec, for editors."""
        return dict(self._transport.get("/v1/specs/schema"))

    def try_out(self, spec: Spec | Upload, *, priority: int = 0) -> dict[str, Any]:
        """Return what a submission would be and take, without a job: resolved_spec, warnings, cost, cache, place.

        Raises:
            InvalidRequestError: the spec is wrong; `problems` lists every place.
        """
        body = describe_spec(spec) | {"priority": priority}
        return dict(self._transport.send("POST", "/v1/jobs", params={"dry_run": "true"}, json=body).json())

    def validate(self, spec: Spec) -> dict[str, Any]:
        """Return what the server finds in a spec: valid, problems, resolved_spec."""
        answer = self._transport.send("POST", "/v1/specs/validate", json={"spec": read_document(spec)}).json()
        return dict(answer)


def describe_spec(spec: Spec | Upload) -> dict[str, Any]:
    """Return what a submission says of its spec: the spec itself, or the upload that holds it."""
    return {"upload": spec.id} if isinstance(spec, Upload) else {"spec": read_document(spec)}


def read_document(spec: Spec) -> Any:
    """Return a spec as plain data.

    Raises:
        SpecError: the file holds neither YAML nor JSON.
    """
    if isinstance(spec, ExperimentSpec):
        return spec.as_document()
    return parse_document(Path(spec).read_bytes()) if isinstance(spec, Path | str) else dict(spec)
