import asyncio
import sys

import aiohttp
import pytest

from streamer import health
from streamer.liveness import Health


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def liveness(clock: Clock) -> Health:
    return Health(dead_seconds=60, clock=clock)


def test_a_loop_that_stops_turning_is_dead(liveness: Health, clock: Clock) -> None:
    liveness.beat("intake")
    liveness.beat("heartbeat")
    clock.now = 50
    liveness.beat("heartbeat")
    assert liveness.status == "ok"
    clock.now = 61
    assert liveness.status == "dead"


def test_a_loop_that_has_ended_is_not_missed(liveness: Health, clock: Clock) -> None:
    liveness.beat("intake")
    liveness.ended("intake")
    clock.now = 1000
    assert liveness.status == "ok"


def test_a_streamer_that_drains_can_still_be_dead(liveness: Health, clock: Clock) -> None:
    liveness.beat("heartbeat")
    liveness.draining = True
    assert liveness.status == "draining"
    clock.now = 61
    assert liveness.status == "dead"


async def test_the_health_check_tells_dead_from_draining(liveness: Health, clock: Clock) -> None:
    async with liveness.serve("127.0.0.1", 0) as port, aiohttp.ClientSession() as http:

        async def ask() -> tuple[int, str, bool]:
            async with http.get(f"http://127.0.0.1:{port}/health") as response:
                body = await response.json()
            return response.status, body["status"], await asyncio.to_thread(health.check, port)

        liveness.beat("heartbeat")
        assert await ask() == (200, "ok", True)
        liveness.draining = True
        assert await ask() == (200, "draining", True)
        clock.now = 61
        assert await ask() == (503, "dead", False)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of the machine")
@pytest.mark.parametrize(("host", "elsewhere"), [("127.0.0.1", False), ("0.0.0.0", True)])
async def test_nobody_but_the_container_is_answered_unless_an_address_says_so(
    liveness: Health, host: str, elsewhere: bool
) -> None:
    async with liveness.serve(host, 0) as port:
        assert await asyncio.to_thread(health.check, port, host)
        # 127.0.0.2 stands for the container's address in its network, which the loopback address is not.
        assert await asyncio.to_thread(health.check, port, "127.0.0.2") is elsewhere


def test_a_streamer_that_does_not_answer_is_not_healthy() -> None:
    assert not health.check(1)
