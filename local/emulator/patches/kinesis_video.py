"""Kinesis Video Streams: MiniStack has none, so its control plane is passed on to the simulator.

With that one endpoint is enough for a program: it asks the emulator for a stream's data endpoint, as it asks AWS, and
is sent to the simulator. Policies are checked before a request is passed on, signed with the session's own key; of a
request at the data endpoint itself (``GetMedia``) the simulator asks the emulator.
"""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import Any

from botocore.credentials import Credentials
from ministack import app
from ministack.core.responses import get_account_id, get_region

from local.access.keys import AccessKey
from local.access.signatures import signed
from local.emulator.patches.recorded import add_resource_type

Properties = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_ACTIONS = {
    f"/{action[0].lower()}{action[1:]}": f"kinesisvideo:{action}"
    for action in ("CreateStream", "DeleteStream", "DescribeStream", "GetDataEndpoint", "ListStreams")
}
_TIMEOUT_SECONDS = 10


def apply(simulator_url: str | None, key: AccessKey) -> None:
    """Pass requests on.

    Args:
        simulator_url: Where the simulator is. Default: the service is missing, as it is in MiniStack.
        key: The session's own key.
    """
    if simulator_url is None:
        return
    credentials = key.credentials
    dispatch = app._dispatch_service_request

    async def dispatch_or_pass_on(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any, request_id: str
    ) -> Any:
        action = _ACTIONS.get(path) if method == "POST" else None
        if action is None:
            return await dispatch(method, path, headers, body, query, request_id)
        denied = app._enforce_data_plane(
            "kinesisvideo", action, headers, query, request_id, resource_arn=_resource(_parsed(body))
        )
        return denied or await asyncio.to_thread(_ask, simulator_url + path, body, credentials)

    def call(path: str, request: Mapping[str, Any]) -> Any:
        status, _, body = _ask(simulator_url + path, json.dumps(request).encode(), credentials)
        if status != 200:
            raise ValueError(body.decode(errors="replace"))
        return json.loads(body or b"{}")

    def create_stream(logical_id: str, properties: Properties, stack: str) -> tuple[str, Mapping[str, Any]]:
        name = properties.get("Name") or f"{stack}-{logical_id}"
        request = {"StreamName": name, "DataRetentionInHours": properties.get("DataRetentionInHours", 0)}
        return name, {"Arn": call("/createStream", request)["StreamARN"]}

    def delete_stream(name: str, _properties: Properties) -> None:
        stream = call("/describeStream", {"StreamName": name})
        call("/deleteStream", {"StreamARN": stream["StreamInfo"]["StreamARN"]})

    app._dispatch_service_request = dispatch_or_pass_on
    add_resource_type("AWS::KinesisVideo::Stream", create=create_stream, delete=delete_stream)


def _ask(url: str, body: bytes, credentials: Credentials) -> Answer:
    try:
        with urllib.request.urlopen(signed("POST", url, body, credentials), timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            return answer.status, _headers(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _headers(error.headers), error.read()


def _headers(headers: Message) -> dict[str, str]:
    names = ("content-type", "x-amzn-errortype")
    return {name: value for name, value in headers.items() if name.lower() in names}


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _resource(request: Mapping[str, Any]) -> str:
    """The stream's ARN; a request by name does not know when the stream was made, which ends every ARN."""
    if arn := request.get("StreamARN"):
        return str(arn)
    name = request.get("StreamName")
    return f"arn:aws:kinesisvideo:{get_region()}:{get_account_id()}:stream/{name}/0" if name else "*"
