"""Saved views: ways of looking at the list of jobs that the owner of a key keeps."""

from __future__ import annotations

from stillhouse.client.operator import OperatorCalls
from stillhouse.client.results import SavedView


class SavedViewCalls(OperatorCalls):
    """Calls about saved views."""

    def views(self) -> list[SavedView]:
        """Return the views that the owner of this key keeps, by name."""
        return [SavedView.model_validate(entry) for entry in self._transport.get("/v1/views")["data"]]

    def save_view(self, name: str, query: str) -> SavedView:
        """Keep a way of looking at the list of jobs.

        Args:
            name: what it is called; each of the key's views has a name of its own.
            query: query of the dashboard's address, such as state=failed&sort=name.

        Raises:
            ConflictError: there is one of this name already, or there are too many.
        """
        body = {"name": name, "query": query}
        return SavedView.model_validate(self._transport.send("POST", "/v1/views", json=body, once=True).json())

    def change_view(self, view_id: str, *, name: str, query: str) -> SavedView:
        """Give a view another name and query.

        Raises:
            ConflictError: another view has this name.
        """
        body = {"name": name, "query": query}
        return SavedView.model_validate(self._transport.send("PUT", f"/v1/views/{view_id}", json=body).json())

    def remove_view(self, view_id: str) -> None:
        """Keep a view no longer."""
        self._transport.send("DELETE", f"/v1/views/{view_id}")
