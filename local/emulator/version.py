"""The one MiniStack release that the patches were written for."""

from importlib.metadata import version

SUPPORTED_VERSION = "1.5.33"


class UnsupportedMiniStack(RuntimeError):
    """The installed MiniStack is not the release that the patches were written for."""


def require_supported_version() -> None:
    """Refuse to start on another release, because the patches reach into MiniStack's internals.

    Raises:
        UnsupportedMiniStack: Another release is installed.
    """
    installed = version("ministack")
    if installed != SUPPORTED_VERSION:
        raise UnsupportedMiniStack(
            f"the emulator is MiniStack {SUPPORTED_VERSION} with patches, but {installed} is installed; "
            f"run `make install`, or adapt local/emulator/patches and its tests and then change SUPPORTED_VERSION"
        )
