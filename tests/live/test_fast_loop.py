"""The clock of these tests: what a busy machine takes longer for is not late."""

import asyncio
import selectors
import time

import pytest

from tests.live.fast_loop import SPEED, at_wall_speed


async def test_waiting_takes_a_fraction_of_the_time() -> None:
    loop, wall = asyncio.get_running_loop(), time.monotonic()
    began = loop.time()
    await asyncio.sleep(60.0)
    waited = loop.time() - began
    took = time.monotonic() - wall
    assert 60.0 <= waited <= 60.0 + took
    assert took < waited


async def test_work_counts_once() -> None:
    loop, wall = asyncio.get_running_loop(), time.monotonic()
    began = loop.time()
    time.sleep(0.05)
    assert 0.05 <= loop.time() - began <= time.monotonic() - wall


async def test_work_outside_counts_once() -> None:
    loop, wall = asyncio.get_running_loop(), time.monotonic()
    began = loop.time()
    with at_wall_speed():
        await asyncio.sleep(0.1)
    assert 0.1 <= loop.time() - began <= time.monotonic() - wall


async def test_a_process_that_is_run_again_too_late_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    select = selectors.DefaultSelector.select

    def held_up(self: selectors.DefaultSelector, timeout: float | None = None) -> object:
        time.sleep(10 / SPEED)
        return select(self, timeout)

    loop, wall = asyncio.get_running_loop(), time.monotonic()
    began = loop.time()
    monkeypatch.setattr(selectors.DefaultSelector, "select", held_up)
    await asyncio.sleep(1.0)
    monkeypatch.undo()
    assert 1.0 <= loop.time() - began <= 1.0 + time.monotonic() - wall
