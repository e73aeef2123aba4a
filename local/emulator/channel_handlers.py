"""Handlers of AppSync's channel namespaces, run in Node.

AppSync runs them in a runtime of its own, ``APPSYNC_JS``, which knows less of the language than Node does (AppSync
Events developer guide, "Runtime features"), and brings ``@aws-appsync/utils``. Of that there is here what refuses.
"""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

_NODE: Final = Path(sys.executable).with_name("node")
_PATIENCE_SECONDS: Final = 30.0
_PACKAGE: Final = '{"name": "@aws-appsync/utils", "type": "module", "main": "index.js"}'
_UTILS: Final = """export const util = { unauthorized() { throw new Error('Unauthorized') } }
"""
_RUN: Final = """import { readFileSync } from 'node:fs'
const { handler, contexts } = JSON.parse(readFileSync(0, 'utf8'))
const { onSubscribe } = await import(handler)
const answers = contexts.map((context) => {
  try { onSubscribe?.(context); return true } catch (error) {
    if (error.message !== 'Unauthorized') throw error
    return false
  }
})
console.log(JSON.stringify(answers))
"""


class HandlerFailed(RuntimeError):
    """A handler ended with an error other than its refusal."""


class ChannelHandlers:
    """Asks handlers whether somebody may subscribe.

    Args:
        folder: A folder of its own for their code.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        package = folder / "node_modules" / "@aws-appsync" / "utils"
        package.mkdir(parents=True, exist_ok=True)
        (package / "package.json").write_text(_PACKAGE, encoding="utf-8")
        (package / "index.js").write_text(_UTILS, encoding="utf-8")
        (folder / "run.mjs").write_text(_RUN, encoding="utf-8")

    def admit(self, code: str, identity: Mapping[str, Any] | None, channels: Sequence[str]) -> list[bool]:
        """Say for each channel whether the handler lets the caller subscribe to it.

        Args:
            code: The handlers of the channel's namespace.
            identity: The caller, as AppSync tells it (``ctx.identity``).
            channels: The channels.

        Raises:
            HandlerFailed: The code cannot be run, or fails.
        """
        handler = self._folder / f"{hashlib.sha256(code.encode()).hexdigest()[:32]}.mjs"
        handler.write_text(code, encoding="utf-8")
        contexts = [
            {"identity": identity, "info": {"channel": {"path": channel, "segments": channel.strip("/").split("/")}}}
            for channel in channels
        ]
        try:
            done = subprocess.run(
                [_NODE, self._folder / "run.mjs"],
                input=json.dumps({"handler": f"./{handler.name}", "contexts": contexts}),
                capture_output=True,
                text=True,
                timeout=_PATIENCE_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise HandlerFailed(f"the handler failed: {getattr(error, 'stderr', None) or error}") from error
        answers: list[bool] = json.loads(done.stdout)
        return answers
