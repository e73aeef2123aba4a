"""The version of everything that is written."""

from typing import Final

SCHEMA_VERSION: Final = 3
"""Version of everything this code writes: documents, items, events, messages. Docs: architecture, "Schema versions"."""
