"""docs/webhooks.md: its types are the states', and its receiver verifies what the sender signs."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.jobs.webhooks import TYPES, new_secret
from server.sender import sign

GUIDE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def test_the_types_are_those_of_the_states() -> None:
    [part] = re.findall(r"<!-- types -->\n(.*?)<!-- /types -->", GUIDE, re.DOTALL)
    assert re.findall(r"`(\S+)`", part) == list(TYPES.values())


@pytest.mark.parametrize(
    ("age_s", "sent", "is_genuine"), [(0, b"{}", True), (0, b"{ }", False), (301, b"{}", False), (-330, b"{}", False)]
)
def test_the_receiver_of_the_page_believes_fresh_and_genuine_messages_alone(
    age_s: int, sent: bytes, is_genuine: bool
) -> None:
    [program] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    secret, moment = new_secret(), int(time.time()) - age_s
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(moment),
        "webhook-signature": "v1,c29tZSBvbGRlciBrZXk= " + sign(secret, "msg_1", moment, b"{}"),
    }
    call = f"print(is_genuine({secret!r}, {headers!r}, {sent!r}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{call}"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == str(is_genuine)
