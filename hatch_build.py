"""What the package's metadata take from where it is built."""

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class ProjectUrls(MetadataHookInterface):
    """Name the repository that the release workflow builds from, so that a fork's package names the fork's.

    Without ``CALLSCRIBE_REPOSITORY_URL`` there are none, as in a build from the source distribution.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the URLs."""
        repository = os.environ.get("CALLSCRIBE_REPOSITORY_URL", "").rstrip("/")
        version = f"v{metadata['version']}"
        metadata["urls"] = (
            {
                "Source": repository,
                "Documentation": f"{repository}/blob/{version}/docs/README.md",
                "Changelog": f"{repository}/blob/{version}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
                "Security": f"{repository}/blob/{version}/SECURITY.md",
            }
            if repository
            else {}
        )
