import asyncio
import io
import json
from typing import Any

from callscribe.contract.metrics import StreamerCount
from streamer.metrics import Metrics


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_holds_what_has_happened_since_the_last_one() -> None:
    stream = io.StringIO()
    metrics = Metrics(service="live", slots=150, stream=stream, clock=lambda: 1_795_000_000.5)
    metrics.slots_used = 3
    metrics.add(StreamerCount.RECONNECTS)
    metrics.add(StreamerCount.RECONNECTS)
    metrics.add(StreamerCount.GAP_SECONDS, 1.5)
    metrics.add(StreamerCount.GAPS, 0)
    metrics.behind_live(900)
    metrics.behind_live(300)
    metrics.waited(20)
    metrics.flush()
    metrics.flush()
    first, second = lines(stream)
    assert first == {
        "_aws": {
            "Timestamp": 1_795_000_000_500,
            "CloudWatchMetrics": [
                {
                    "Namespace": "CallScribe",
                    "Dimensions": [["service"]],
                    "Metrics": [
                        {"Name": "SlotsUsed", "Unit": "Count"},
                        {"Name": "SlotsTotal", "Unit": "Count"},
                        {"Name": "Reconnects", "Unit": "Count"},
                        {"Name": "GapSeconds", "Unit": "Seconds"},
                        {"Name": "BehindLiveMs", "Unit": "Milliseconds"},
                        {"Name": "WaitedMs", "Unit": "Milliseconds"},
                    ],
                }
            ],
        },
        "service": "live",
        "SlotsUsed": 3,
        "SlotsTotal": 150,
        "Reconnects": 2,
        "GapSeconds": 1.5,
        "BehindLiveMs": 900,
        "WaitedMs": 20,
    }
    assert {"SlotsUsed", "SlotsTotal"} == second.keys() - {"_aws", "service"}


async def test_the_last_line_is_written_on_the_way_out() -> None:
    stream = io.StringIO()
    metrics = Metrics(service="live", slots=1, stream=stream)
    running = asyncio.create_task(metrics.run(every=3600))
    await asyncio.sleep(0)
    metrics.add(StreamerCount.HAND_OVERS)
    running.cancel()
    await asyncio.wait({running})
    assert [line["HandOvers"] for line in lines(stream)] == [1]
