"""Saved views by the client, against a real server."""

from __future__ import annotations

import pytest

from stillhouse.client import Client, ConflictError, NotFoundError


def test_a_view_is_saved_listed_changed_and_removed(client: Client) -> None:
    saved = client.save_view("failures", "state=failed&sort=name")
    assert client.views() == [saved]
    changed = client.change_view(saved.id, name="mine", query="label.team=mine")
    assert (changed.id, changed.name, changed.query) == (saved.id, "mine", "label.team=mine")
    client.remove_view(saved.id)
    assert client.views() == []
    with pytest.raises(NotFoundError):
        client.remove_view(saved.id)


def test_a_name_that_is_taken_is_refused(client: Client) -> None:
    saved = client.save_view("twice", "")
    with pytest.raises(ConflictError, match="twice"):
        client.save_view("twice", "sort=name")
    client.remove_view(saved.id)
