"""What a spec can name: models, data sets, methods, recipes."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from distill_core.spec.catalog import Catalog, load_catalog
from server.routes.query import KnownQuery

router = APIRouter(prefix="/v1/components", tags=["specs"], dependencies=[Depends(KnownQuery())])


@router.get("", summary="List models, data sets, methods and recipes")
def list_components() -> Catalog:
    """Return every component with its options as JSON Schema."""
    return load_catalog()
