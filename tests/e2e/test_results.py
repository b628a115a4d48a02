"""What a person does with files in a real browser: sends weights in pieces, exports a student, finds the best job."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import Window, opened
from tests.e2e.running import Up, running_up
from tests.e2e.test_dashboard import SPEC

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_PIECE = 4 * 2**20


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A whole service, started as a user starts it."""
    with running_up({"STILLHOUSE_HOME": str(tmp_path_factory.mktemp("home"))}) as up:
        yield up
        up.interrupt()


@pytest.fixture
def window(browser: Browser, up: Up) -> Iterator[Window]:
    """The dashboard, opened; anything that the browser complains of fails the test."""
    with opened(browser, up.url, up.key) as window:
        yield window


def _weights(path: Path, num_bytes: int) -> Path:
    header = b'{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (num_bytes, num_bytes)
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(num_bytes))
    return path


def test_weights_are_sent_in_pieces_used_in_the_spec_and_removed(window: Window, tmp_path: Path) -> None:
    page = window.page
    file = _weights(tmp_path / "<b>teacher.safetensors", 2 * _PIECE)
    pieces: list[str] = []
    page.on(
        "request",
        lambda request: pieces.append(request.headers["upload-offset"]) if request.method == "PATCH" else None,
    )
    window.visit("/jobs/new?recipe=fitnet")
    page.get_by_text("Upload weights or a data set").click()
    page.get_by_label("file", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("button", name="Use for teacher").click()
    expect(page.get_by_role("button", name="Used for teacher")).to_be_disabled()
    assert pieces == ["0", str(_PIECE), str(2 * _PIECE)]
    [upload] = page.request.get(f"{window.url}/v1/uploads").json()["data"]
    assert (upload["state"], upload["sha256"]) == ("complete", hashlib.sha256(file.read_bytes()).hexdigest())
    expect(page.get_by_test_id("spec-input")).to_contain_text(upload["id"])

    window.visit("/settings/uploads")
    row = page.get_by_test_id("upload")
    expect(row).to_contain_text("<b>teacher.safetensors")
    row.get_by_role("button", name="Remove").click()
    row.get_by_role("button", name="Click again to remove").click()
    expect(page.get_by_text("Nothing was uploaded yet")).to_be_visible()


def test_a_student_leads_the_board_and_is_exported(window: Window, up: Up) -> None:
    page = window.page
    headers = {"Content-Type": "application/yaml", "Authorization": f"Bearer {up.key}"}
    job = page.request.post(f"{window.url}/v1/jobs", data=SPEC, headers=headers).json()
    window.visit(f"/jobs/{job['id']}")
    expect(page.get_by_test_id("job-state")).to_have_text("succeeded", timeout=120_000)
    window.visit("/leaderboard?dataset=digits")
    expect(page.get_by_test_id("leader")).to_have_count(1)
    page.get_by_role("link", name="from the browser").click()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_role("combobox", name="form").select_option("torch_export")
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_test_id("export")).to_contain_text("torch.export")
    expect(page.get_by_role("link", name="Download student-export.pt2")).to_be_visible(timeout=120_000)
    expect(page.get_by_test_id("export")).to_have_count(0)
    assert window.find_barriers() == []
