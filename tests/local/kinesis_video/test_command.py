from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from local.access.keys import AccessKey
from local.access.signatures import signed
from local.server_process import ServerProcess, free_port
from tests.patience import PATIENCE_SECONDS


def test_it_runs_as_a_process(tmp_path: Path) -> None:
    key = AccessKey.generate()
    server = ServerProcess(
        name="video simulator",
        module="local.kinesis_video",
        port=free_port(),
        health_path="/health",
        log=tmp_path / "log",
        environment=key.environment,
    )
    with server:
        body = json.dumps({"StreamName": "front-desk"}).encode()
        request = signed("POST", f"{server.url}/createStream", body, key.credentials)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            arn = json.load(answer)["StreamARN"]
    assert arn.startswith("arn:aws:kinesisvideo:us-east-1:000000000000:stream/front-desk/")
