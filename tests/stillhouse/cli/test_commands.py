"""The command line, as a person or a script calls it, against a real server."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from stillhouse import Client
from tests.services.processes import free_port
from tests.stillhouse.cli.calling import Run
from tests.stillhouse.serving import tiny_spec


def _problems(text: str) -> dict[str, Any]:
    return {problem["pointer"]: problem for problem in json.loads(text)["problems"]}


def test_submit_prints_the_id_alone(run: Run, spec: Path, client: Client) -> None:
    done = run("submit", spec, "--name", "mine", "--label", "a=b", "--priority", 2, "--set", "stages.0.epochs=1")
    assert done.returncode == 0, done.stderr
    job = client.job(done.stdout.strip())
    assert (job.name, job.labels, job.priority) == ("mine", {"a": "b"}, 2)
    assert job.spec is not None
    assert job.spec["stages"][0]["epochs"] == 1
    assert job.id in done.stderr


def test_submit_reads_standard_input(run: Run) -> None:
    done = run("submit", "-", "--json", stdin=json.dumps(tiny_spec()))
    assert json.loads(done.stdout)["state"] == "queued"


@pytest.mark.parametrize("place", ["--local", "--no-local"])
def test_a_wrong_spec_is_told_problem_by_problem_here_and_there(run: Run, spec: Path, place: str) -> None:
    done = run("submit", spec, place, "--set", "models.student.model=resnt8", "--set", "stages.0.epochs=0")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "/models/student/model" in done.stderr
    assert '"resnt8"' in done.stderr
    assert "nearest  resnet8" in done.stderr
    assert "/stages/0/epochs" in done.stderr


def test_check_needs_no_server(run: Run, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLHOUSE_URL", "http://127.0.0.1:1")
    assert run("check", spec).returncode == 0
    wrong = run("check", spec, "--set", "models.student.model=resnt8", "--json")
    assert wrong.returncode == 2
    assert _problems(wrong.stdout)["/models/student/model"]["nearest"][0] == "resnet8"


@pytest.mark.parametrize("text", ["a: [", "\x00", "{}"])
def test_a_file_that_is_no_spec_is_wrong_input(run: Run, text: str) -> None:
    assert run("check", "-", stdin=text).returncode == 2


def test_a_file_that_is_not_there_is_wrong_input(run: Run) -> None:
    done = run("submit", "nowhere.yaml")
    assert done.returncode == 2
    assert "nowhere.yaml" in done.stderr


def test_without_a_server_the_way_to_start_one_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLHOUSE_URL", f"http://127.0.0.1:{free_port()}")
    done = run("ls")
    assert done.returncode == 3
    assert "stillhouse up" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_job_that_is_not_there_is_a_failure(run: Run) -> None:
    done = run("get", "job_01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")


def test_ls_and_get_show_a_job(run: Run, done: str) -> None:
    assert done in run("ls").stdout
    assert [job["id"] for job in json.loads(run("ls", "--json", "--state", "succeeded", "-n", 1).stdout)] == [done]
    assert "a done job" in run("get", done).stdout
    assert json.loads(run("get", done, "--json").stdout)["state"] == "succeeded"


def test_logs_events_metrics_attempts_and_artifacts_are_printed(run: Run, done: str) -> None:
    assert run("logs", done).stdout == "the log\n"
    assert run("logs", done, "--follow").stdout == "the log\n"
    assert run("logs", done, "-f", "--tail", 4).stdout == "log\n"
    assert json.loads(run("logs", done, "--json").stdout) == {"attempt": 1, "offset": 0, "text": "the log\n"}
    types = [json.loads(line)["type"] for line in run("events", done, "--json").stdout.splitlines()]
    assert types[0] == "submitted"
    assert types[-1] == "succeeded"
    assert len(run("events", done, "-f").stdout.splitlines()) == len(types)
    assert "train/loss" in run("metrics", done).stdout
    assert run("metrics", done, "-k", "train/loss").stdout == "train/loss\t4\t0.5\n"
    assert json.loads(run("metrics", done, "-f", "--json").stdout)["values"] == {"train/loss": 0.5}
    assert "number=1" in run("attempts", done).stdout
    assert "student.safetensors" in run("artifacts", done).stdout


def test_download_brings_a_checked_file_and_tells_how_to_load_it(
    run: Run, done: str, blob: Path, tmp_path: Path
) -> None:
    here = run("download", done, "--out", "student.bin")
    assert here.stdout == f"{hashlib.sha256(blob.read_bytes()).hexdigest()}  student.bin\n"
    assert "load_student" in here.stderr
    assert (tmp_path / "student.bin").read_bytes() == blob.read_bytes()
    everything = run("download", done, "--kind", "all", "--out", "folder", "--json")
    paths = [json.loads(line)["path"] for line in everything.stdout.splitlines()]
    assert "folder/student.safetensors" in paths
    assert all((tmp_path / path).is_file() for path in paths)


def test_watch_and_wait_end_well_only_when_the_job_does(run: Run, done: str, client: Client) -> None:
    assert run("watch", done).returncode == 0
    assert run("wait", done).stdout == "succeeded\n"
    job = client.submit(tiny_spec())
    assert run("wait", job.id, "--timeout", 0.1).returncode == 1
    assert run("cancel", job.id).returncode == 0
    watched = run("watch", job.id, "--json")
    assert watched.returncode == 1
    assert json.loads(watched.stdout.splitlines()[-1])["job"]["state"] == "cancelled"
    assert run("wait", job.id).returncode == 1
    assert run("cancel", done).returncode == 1


def test_upload_prints_the_id_alone_and_says_how_a_spec_names_it(run: Run, tmp_path: Path, client: Client) -> None:
    header = json.dumps({"a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"abc")
    done = run("upload", "a.safetensors")
    assert (done.returncode, done.stdout.startswith("upl_"), done.stdout.count("\n")) == (0, True, 1)
    assert f"weights: {{upload: {done.stdout.strip()}}}" in done.stderr
    assert run("upload", "a.safetensors", "--kind", "pickle").returncode == 2
    assert run("upload", "nowhere.safetensors").returncode == 2


def test_an_uploaded_spec_is_submitted_by_its_id(run: Run, spec: Path, client: Client) -> None:
    done = run("upload", spec, "--kind", "spec")
    upload = done.stdout.strip()
    assert f"stillhouse submit {upload}" in done.stderr
    assert "steps    14" in run("submit", upload, "--dry-run").stdout
    job = client.job(run("submit", upload, "--name", "sent before").stdout.strip())
    assert (job.name, job.spec) == ("sent before", tiny_spec())
    assert run("submit", upload, "--set", "runtime.seed=1").returncode == 2
    assert run("submit", f"upl_{'0' * 26}").returncode == 1


def test_an_uploaded_data_set_says_how_a_spec_names_it(run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "birds.zip", "w") as archive:
        archive.writestr("train/owl/1.png", b"no picture, but a file")
    done = run("upload", "birds.zip", "--kind", "dataset")
    assert f"data: {{train: {{dataset: image_folder, upload: {done.stdout.strip()}}}}}" in done.stderr


def test_verbs_print_where_the_job_stands_then(run: Run, client: Client) -> None:
    job = client.submit(tiny_spec())
    refused = run("pause", job.id)
    assert refused.returncode == 1
    assert "allowed now: cancel" in refused.stderr
    assert run("cancel", job.id).stdout == "cancelled (user_cancelled)\n"
    assert run("retry", job.id, "--from-start").stdout == "queued (user_retried)\n"
    assert json.loads(run("cancel", job.id, "--json").stdout)["state"] == "cancelled"


def test_clone_prints_the_new_id_and_changes_what_is_set(run: Run, client: Client) -> None:
    job = client.submit(tiny_spec(), name="old")
    done = run("clone", job.id, "--set", "stages.0.epochs=3", "--set", "runtime.seed=7", "--name", "new")
    assert done.returncode == 0, done.stderr
    twin = client.job(done.stdout.strip())
    assert (twin.parent_id, twin.name) == (job.id, "new")
    assert twin.spec is not None
    assert (twin.spec["stages"][0]["epochs"], twin.spec["runtime"]["seed"]) == (3, 7)
    assert run("clone", job.id, "--set", "stages.0.epochs=0").returncode == 2


def test_edit_and_rm_change_a_job(run: Run, client: Client) -> None:
    job = client.submit(tiny_spec(), labels={"a": "1", "b": "2"})
    done = run("edit", job.id, "--name", "new", "--label", "c=3", "--unlabel", "a", "--notes", "n", "--priority", 4)
    assert done.returncode == 0, done.stderr
    found = client.job(job.id)
    assert (found.name, found.labels, found.notes, found.priority) == ("new", {"b": "2", "c": "3"}, "n", 4)
    run("edit", job.id, "--notes", "")
    assert client.job(job.id).notes is None
    assert run("rm", job.id).returncode == 1
    client.cancel(job.id)
    assert run("rm", job.id).returncode == 0
    assert run("get", job.id).returncode == 1


def test_a_dry_run_says_what_it_would_take_and_submits_nothing(run: Run, spec: Path, client: Client) -> None:
    before = len(list(client.jobs()))
    done = run("submit", spec, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "steps    14" in done.stdout
    assert json.loads(run("submit", spec, "--dry-run", "--json").stdout)["object"] == "dry_run"
    assert len(list(client.jobs())) == before


def test_queue_checkpoints_and_manifest_are_printed(run: Run, client: Client, done: str) -> None:
    job = client.submit(tiny_spec(), name="who waits")
    assert "who waits" in run("queue").stdout
    assert job.id in [entry["job_id"] for entry in json.loads(run("queue", "--json").stdout)]
    assert "nobody runs or waits" in run("queue", "--pool", "elsewhere").stderr
    assert "no checkpoints yet" in run("checkpoints", job.id).stderr
    assert "it has no manifest" in run("manifest", done).stderr


def test_ls_sorts(run: Run, client: Client) -> None:
    ids = [client.submit(tiny_spec(), name=name, labels={"s": "1"}).id for name in ("b", "a")]
    assert [job["id"] for job in json.loads(run("ls", "--sort", "name", "--state", "queued", "--json").stdout)][
        :2
    ] == ids[::-1]
    assert run("ls", "--sort", "colour").returncode == 2
