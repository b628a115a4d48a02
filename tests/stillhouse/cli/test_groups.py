"""Components, specs, projects, webhooks, stored outputs and workers on the command line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from stillhouse import Client
from tests.stillhouse.cli.calling import Run
from tests.stillhouse.serving import HandWorker, tiny_spec


@pytest.mark.parametrize(
    ("kind", "key", "option"),
    [("methods", "kd", "temperature"), ("models", "resnet8", "num_classes"), ("recipes", "fitnet", "hint_epochs")],
)
def test_components_are_listed_and_shown(run: Run, kind: str, key: str, option: str) -> None:
    assert key in [line.split()[0] for line in run(kind).stdout.splitlines() if line]
    assert option in run(kind, key).stdout
    assert json.loads(run(kind, key, "--json").stdout)["key"] == key
    wrong = run(kind, f"{key}x")
    assert wrong.returncode == 2
    assert f"nearest  {key}" in wrong.stderr


def test_the_server_says_what_it_knows(run: Run) -> None:
    for kind in ("datasets", "recipes"):
        assert run(kind, "--server", "--json").stdout == run(kind, "--json").stdout
    assert json.loads(run("schema", "--server").stdout) == json.loads(run("schema").stdout)


def test_components_need_no_server(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLHOUSE_URL", "http://127.0.0.1:1")
    assert run("datasets").returncode == 0
    assert run("datasets", "--server").returncode == 3


def test_the_server_validates(run: Run, spec: Path) -> None:
    assert run("validate", spec).stdout == "the spec is valid\n"
    wrong = run("validate", spec, "--set", "models.student.model=resnt8")
    assert wrong.returncode == 2
    assert "nearest  resnet8" in wrong.stderr
    assert json.loads(run("validate", spec, "--set", "stages.0.epochs=0", "--json").stdout)["valid"] is False


def test_projects_are_made_and_limited(run: Run) -> None:
    made = run("project", "create", "sound", "--max-devices", 2)
    assert made.returncode == 0, made.stderr
    assert json.loads(run("project", "limit", "sound", "--max-queued", 5, "--json").stdout)["max_devices"] is None
    assert "sound" in run("project", "ls").stdout
    assert run("project", "create", "sound").returncode == 1


def test_webhooks_are_made_tested_changed_and_removed(run: Run) -> None:
    made = run("webhook", "create", "https://hooks.example.com/a", "--json")
    webhook = json.loads(made.stdout)
    assert set(webhook["types"]) == {"job.succeeded", "job.failed", "job.cancelled"}
    assert webhook["id"] in run("webhook", "ls").stdout
    delivery = json.loads(run("webhook", "test", webhook["id"], "--json").stdout)["id"]
    assert delivery in run("webhook", "deliveries", webhook["id"]).stdout
    assert delivery in run("webhook", "redeliver", webhook["id"], delivery).stdout
    assert "off" in run("webhook", "edit", webhook["id"], "--disable").stdout
    assert run("webhook", "rm", webhook["id"]).returncode == 0
    assert run("webhook", "rm", webhook["id"]).returncode == 1


def test_stored_outputs_are_listed_and_removed(run: Run, hand: HandWorker) -> None:
    key = "c" * 64
    hand.store_outputs(key, "folder")
    shown = run("cache", "ls")
    assert key[:20] in shown.stdout
    assert "1.0 kB" in shown.stderr
    assert "1 folder" in run("cache", "rm", key).stdout
    assert json.loads(run("cache", "ls", "--json").stdout)["entries"][0]["delete_requested_at"]


def test_uploads_are_listed_and_removed(run: Run, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "[b]spec.json"
    path.write_text(json.dumps(tiny_spec(seed=12)))
    upload = client.upload(path, "spec")
    [row] = [line for line in run("uploads", "ls").stdout.splitlines() if upload.id in line]
    assert row.split()[1:3] == ["spec", "[b]spec.json"]
    assert client.find_upload(upload.id).as_document() in json.loads(run("uploads", "ls", "--json").stdout)
    assert json.loads(run("uploads", "rm", upload.id, "--json").stdout) == {"id": upload.id, "deleted": True}
    gone = run("uploads", "rm", upload.id)
    assert gone.returncode == 1
    assert upload.id in gone.stderr


def test_workers_are_reached_as_a_group_too(run: Run, client: Client, hand: HandWorker) -> None:
    worker = hand.take(client.submit(tiny_spec()).id).worker_id
    assert worker in run("worker", "ls").stdout
    assert run("worker", "drain", worker).stdout.split()[0] == worker


def test_what_is_removed_is_told_as_json_too(run: Run, client: Client) -> None:
    job = client.submit(tiny_spec())
    client.cancel(job.id)
    assert json.loads(run("rm", job.id, "--json").stdout) == {"id": job.id, "deleted": True}


def _call(*arguments: str, **environment: str) -> str:
    """Return what the installed command prints."""
    kept = {name: value for name, value in os.environ.items() if "COLOR" not in name}
    done = subprocess.run(
        ["stillhouse", *arguments], env=kept | environment, capture_output=True, text=True, check=False
    )
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands(shell: str) -> None:
    script = _call("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert f"_STILLHOUSE_COMPLETE=complete_{shell}" in script


def test_bash_offers_the_commands_that_begin_so() -> None:
    offered = _call(_STILLHOUSE_COMPLETE="complete_bash", COMP_WORDS="stillhouse ch", COMP_CWORD="1")
    assert offered.split() == ["checkpoints", "check"]


def test_no_color_is_honoured() -> None:
    forced = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    assert "\x1b[1;36m" in _call("ls", "--help", **forced)
    assert "\x1b[1;36m" not in _call("ls", "--help", NO_COLOR="1", **forced)
