"""``python -m benchmarks.live.thread_per_call``: a streamer as its peers are written, for comparison.

One thread reads a call's audio with boto3, chunk by chunk as botocore hands it out; another thread runs the receive
loop of Deepgram's SDK. The tracks are paired block by block. It reconnects nothing, replays nothing, keeps no
checkpoint and stores no words, so what it spends is the least this design can spend. Its Matroska parser is this
project's own, which is several times faster than those the peers use.
"""

from __future__ import annotations

import argparse
import json
import threading
from array import array
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from deepgram import DeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.socket_client import V1SocketClient

from streamer.media.matroska import Audio, Demuxer

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_kinesis_video_media import KinesisVideoMediaClient

_CUSTOMER = "AUDIO_FROM_CUSTOMER"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live.thread_per_call", description=__doc__)
    parser.add_argument("--services", required=True, help="host and port of the services")
    parser.add_argument("--speech", required=True, help="host and port of Deepgram")
    parser.add_argument("--calls", type=int, required=True)
    options = parser.parse_args()

    environment = DeepgramClientEnvironment(
        base=f"https://{options.services}",
        production=f"wss://{options.speech}",
        agent=f"wss://{options.speech}",
        agent_rest=f"https://{options.services}",
    )
    client = DeepgramClient(api_key="benchmark", environment=environment)
    # One client for all, and as many connections as calls: with botocore's own ten the eleventh call would wait.
    media = boto3.session.Session().client(
        "kinesis-video-media",
        endpoint_url=f"https://{options.services}",
        config=Config(max_pool_connections=options.calls, read_timeout=10, retries={"total_max_attempts": 1}),
    )
    threads = [threading.Thread(target=_call, args=(client, media, number)) for number in range(1, options.calls + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _call(client: DeepgramClient, media: KinesisVideoMediaClient, number: int) -> None:
    body = media.get_media(
        StreamARN=f"arn:aws:kinesisvideo:us-east-1:000000000000:stream/{number}/1",
        StartSelector={"StartSelectorType": "EARLIEST"},
    )["Payload"]
    with client.listen.v1.connect(
        model="nova-3", encoding="linear16", sample_rate=8000, channels=2, multichannel=True, interim_results=True
    ) as connection:
        connection.on(EventType.MESSAGE, _publish)
        listener = threading.Thread(target=connection.start_listening)
        listener.start()
        _forward(body, connection)
        connection.send_close_stream()
        listener.join()


def _forward(body: StreamingBody, connection: V1SocketClient) -> None:
    demuxer = Demuxer()
    waiting: dict[str, bytes] = {}
    for chunk in body:  # 1,024 bytes a time
        for event in demuxer.feed(chunk):
            if not isinstance(event, Audio):
                continue
            waiting[str(event.track)] = event.pcm
            if len(waiting) == 2:
                left, right = waiting.pop(_CUSTOMER), waiting.popitem()[1]
                stereo = array("h", bytes(len(left) + len(right)))
                stereo[0::2], stereo[1::2] = array("h", left), array("h", right)
                connection.send_media(stereo.tobytes())


def _publish(message: object) -> None:
    json.dumps(message.dict() if hasattr(message, "dict") else None, default=str)


if __name__ == "__main__":
    main()
