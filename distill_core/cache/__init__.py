"""Outputs of a teacher, stored once and read by index: content-keyed, memory-mapped, shared between runs."""

from distill_core.cache.column import Column, Format
from distill_core.cache.entry import Mode, OutputCache
from distill_core.cache.layout import Identity, digest
from distill_core.cache.lease import Reference
from distill_core.cache.room import Entry, collect, list_entries, remove
from distill_core.cache.store import acquire, attach, is_complete, open_cache

__all__ = [
    "Column",
    "Entry",
    "Format",
    "Identity",
    "Mode",
    "OutputCache",
    "Reference",
    "acquire",
    "attach",
    "collect",
    "digest",
    "is_complete",
    "list_entries",
    "open_cache",
    "remove",
]
