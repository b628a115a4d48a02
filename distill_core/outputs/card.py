"""The model card: a page of Markdown, with the head that model hubs read, written from the facts of a run alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from distill_core.outputs.cost import THROUGHPUT_BATCH
from distill_core.outputs.judgement import describe_teacher, list_limits, name_evaluation
from distill_core.outputs.loading import write_export_loading, write_loading
from distill_core.outputs.markdown import format_bytes, format_count, format_value, write_list, write_table
from distill_core.outputs.result import Result
from distill_core.outputs.samples import take_samples
from distill_core.outputs.stages import write_stages
from distill_core.spec.data import ViewSpec

__all__ = ["write_card"]

FIGURES = {
    "test/accuracy": ("accuracy", "{:.2%}"),
    "test/agreement": ("agreement with the first teacher of the last stage", "{:.2%}"),
    "test/nll": ("negative log-likelihood", "{:.4f} nats"),
    "test/ece": ("calibration error, 15 bins", "{:.2%}"),
}
"""Figures with words of their own; others stand under their keys."""


def write_card(result: Result, spec_sha256: str) -> str:
    """Return the page.

    Args:
        result: the run.
        spec_sha256: digest of the file `spec.json` beside the card.
    """
    sections = {
        "Model": _write_model(result),
        "Teachers": _write_teachers(result),
        "Training": write_stages(result),
        "Data": _write_data(result),
        "Results": _write_results(result),
        "Limits": write_list(list_limits(result)),
        "How to load it": _write_loading(result),
        "Provenance": _write_provenance(result, spec_sha256),
    }
    pages = [_write_head(result), f"# {' '.join(result.spec.name.split())}", _write_summary(result)]
    pages += [f"## {title}\n\n{text}" for title, text in sections.items() if text]
    return "\n\n".join(pages) + "\n"


def _write_head(result: Result) -> str:
    metrics = [key.removeprefix("test/") for key in result.figures if key.startswith("test/")]
    datasets = dict.fromkeys(result.spec.data[stage.train].dataset for stage in result.spec.stages)
    document = {
        "library_name": "pytorch",
        "tags": [
            *(["knowledge-distillation"] if result.teachers else []),
            "stillhouse",
            result.student.model,
            *datasets,
        ],
        "metrics": metrics,
    }
    return f"---\n{yaml.safe_dump(document, sort_keys=False, allow_unicode=True)}---"


def _write_summary(result: Result) -> str:
    models = result.spec.models
    teachers = ", ".join(f"`{models[name].model}`" for name in result.teachers)
    origin = f"distilled from {teachers}" if teachers else "trained without a teacher"
    datasets = ", ".join(dict.fromkeys(f"`{result.spec.data[stage.train].dataset}`" for stage in result.spec.stages))
    count = format_count(result.figures["cost/params"])
    summary = f"`{result.student.model}` with {count} parameters, {origin} on {datasets}."
    return "\n\n".join(filter(None, (summary, result.spec.description.strip())))


def _write_model(result: Result) -> str:
    figures = result.figures
    rows = [
        ("model", f"`{result.student.model}` ({format_value(result.student.params)})"),
        ("parameters", f"{figures['cost/params']:,.0f}, of which {figures['cost/trainable_params']:,.0f} not frozen"),
        ("size of the weights", format_bytes(figures["cost/size_bytes"])),
        ("operations of one sample", f"{format_count(figures['cost/flops'])} (FLOPs; a multiply-add is two)"),
        *_write_speed(result),
        ("input", _describe_inputs(result)),
        ("preparation", _describe_preparation(result)),
    ]
    return write_table(("", ""), rows)


def _write_speed(result: Result) -> Iterator[tuple[str, str]]:
    hardware = result.facts["hardware"]
    places = {"cost/": _describe_device(hardware), "cost/cpu_": _describe_cpu(hardware)}
    for prefix, device in places.items():
        if f"{prefix}latency_ms" not in result.figures:
            continue
        median, tail, throughput = (
            result.figures[f"{prefix}{name}"] for name in ("latency_ms", "latency_p90_ms", "throughput_per_s")
        )
        yield f"time of one sample on {device}", f"{median:.3g} ms in the median, {tail:.3g} ms at the 90th percentile"
        yield f"samples a second on {device}", f"{throughput:,.0f} in batches of {THROUGHPUT_BATCH}"
    if "cost/peak_memory_bytes" in result.figures:
        size = format_bytes(result.figures["cost/peak_memory_bytes"])
        yield "GPU memory for one sample, weights included", size


def _describe_device(hardware: Mapping[str, Any]) -> str:
    return str(hardware["gpu"]) if "gpu" in hardware else _describe_cpu(hardware)


def _describe_cpu(hardware: Mapping[str, Any]) -> str:
    threads = f"{hardware['num_threads']} thread{'s' if hardware['num_threads'] != 1 else ''}"
    return f"CPU ({hardware['machine']}, {hardware['cpu_capability']}, {threads})"


def _describe_inputs(result: Result) -> str:
    one = take_samples(result.inputs, 1)
    if isinstance(one, Mapping):
        return ", ".join(f"`{name}` {_describe_tensor(tensor)}" for name, tensor in one.items())
    if isinstance(one, list):
        return f"a list of tensors, one a sample, as {str(one[0].dtype).removeprefix('torch.')} {list(one[0].shape)}"
    return _describe_tensor(one)


def _describe_tensor(tensor: Any) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} [B, {', '.join(map(str, tensor.shape[1:]))}]"


def _main_view(result: Result) -> ViewSpec:
    stream = result.evaluated or result.spec.data[result.last_stage.train]
    return next(iter(stream.views.values()))


def _describe_preparation(result: Result) -> str:
    if isinstance(result.inputs, Mapping):
        return "none: they are taken as the data set has them"
    steps = [transform.as_document() for transform in _main_view(result).transforms]
    words = [f"{step.pop('transform')} ({format_value(step)})" for step in steps]
    return "; ".join(["pixels divided by 255", *words])


def _write_teachers(result: Result) -> str:
    rows = [
        (f"`{name}`", f"`{result.spec.models[name].model}`", describe_teacher(name, result)) for name in result.teachers
    ]
    return write_table(("name", "model", "weights"), rows) if rows else "None."


def _write_data(result: Result) -> str:
    rows = []
    for name, facts in result.facts["data"].items():
        stream = result.spec.data[name]
        held_out = stream.hold_out
        part = f"{stream.split}, {held_out.part.replace('_', ' ')} of {held_out.ratio:g}" if held_out else stream.split
        rows.append((f"`{name}`", f"`{stream.dataset}`", part, f"{facts['num_samples']:,}", f"`{facts['sha256']}`"))
    return write_table(("stream", "data set", "split", "samples", "sha256 of the split"), rows)


def _write_results(result: Result) -> str:
    role = name_evaluation(result)
    rows = []
    for key, value in result.figures.items():
        if key.startswith("test/"):
            title, form = FIGURES.get(key, (key.removeprefix("test/"), "{:.6g}"))
            rows.append((title, form.format(value), f"{role}, stream `{result.spec.evaluation.stream}`"))
    stage = result.last_stage
    validation = result.validation if stage.validate_on != result.spec.evaluation.stream else {}
    for name, value in validation.items():
        title, form = FIGURES.get(f"test/{name}", (name, "{:.6g}"))
        rows.append((title, form.format(value), f"validation samples, stream `{stage.validate_on}`"))
    return write_table(("figure", "value", "measured on"), rows) if rows else "Nothing was measured."


def _write_loading(result: Result) -> str:
    parts = [f"```python\n{write_loading(result.inputs)}```"]
    until = result.spec.outputs.until
    end = "" if until is None else f", which ends at `{until}`"
    for export in result.exports:
        code = write_export_loading(export.kind, result.inputs)
        parts.append(f"Without Stillhouse, from `{export.file.path.name}`{end}:\n\n```python\n{code}```")
    return "\n\n".join(parts)


def _write_provenance(result: Result, spec_sha256: str) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result.facts["versions"].items())
    items = [
        f"spec: `spec.json`, sha256 `{spec_sha256}`",
        f"seed: {result.spec.runtime.seed}, {'' if result.spec.runtime.deterministic else 'not '}deterministic",
        f"versions: {versions}",
        f"hardware: {format_value(result.facts['hardware'])}",
    ]
    if result.facts.get("runtime"):
        items.append(f"run: {format_value(result.facts['runtime'])}")
    return write_list(items)
