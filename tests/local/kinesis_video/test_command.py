from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from local.server_process import ServerProcess, free_port


def test_it_runs_as_a_process(tmp_path: Path) -> None:
    server = ServerProcess(
        name="video simulator",
        module="local.kinesis_video",
        port=free_port(),
        health_path="/health",
        log=tmp_path / "log",
    )
    with server:
        request = urllib.request.Request(
            f"{server.url}/createStream", json.dumps({"StreamName": "front-desk"}).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            arn = json.load(answer)["StreamARN"]
    assert arn.startswith("arn:aws:kinesisvideo:us-east-1:000000000000:stream/front-desk/")
