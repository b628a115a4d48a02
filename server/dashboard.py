"""The dashboard: static files beside this module, and index.html for every page of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Stillhouse</title><link rel="icon" href="data:,"></head>
<body>
<h1>The dashboard is not built</h1>
<p>The API works; the dashboard was left out of this installation. Build it with <code>make install</code> in a clone of
the project, or install the project's wheel, which brings it.</p>
</body>
</html>
"""


class Dashboard(StaticFiles):
    """Serves what no route has taken: files, pages, or a problem."""

    def __init__(self, folder: Path = STATIC) -> None:
        super().__init__(directory=folder, check_dir=False)
        self.config_checked = True  # the folder may appear later, when the dashboard is built

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with the file, with the page, or with 404 where neither can be meant."""
        if f"{scope['path']}/".startswith("/v1/"):
            raise HTTPException(404)
        if path == ".":
            path = "index.html"
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or not _is_page(path):
                raise
            path = "index.html"
            response = await self._get_index(scope)
        response.headers["cache-control"] = _FOR_EVER if path.startswith("assets/") else "no-cache"
        return response

    async def _get_index(self, scope: Scope) -> Response:
        try:
            return await super().get_response("index.html", scope)
        except HTTPException as error:
            if error.status_code != 404:
                raise
            return HTMLResponse(_NOT_BUILT)


def _is_page(path: str) -> bool:
    """Return whether a path can be a page of the dashboard: its last part has no suffix."""
    return path == "index.html" or not PurePosixPath(path).suffix
