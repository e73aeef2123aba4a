import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from streamer.http import HttpClient
from streamer.protection import TaskProtection
from tests.fakes.serving import serving
from tests.patience import PATIENCE_SECONDS


class Agent:
    """The ECS agent of a task."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answer: Any = {"protection": {"ProtectionEnabled": True}}

    async def state(self, request: Request) -> JSONResponse:
        self.asked.put_nowait(await request.json())
        return JSONResponse(self.answer)

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.asked.get(), PATIENCE_SECONDS)


@contextlib.asynccontextmanager
async def protecting(
    agent: Agent, *, renew_seconds: float = 3600, retry_seconds: float = 0.01
) -> AsyncIterator[TaskProtection]:
    app = Starlette(routes=[Route("/task-protection/v1/state", agent.state, methods=["PUT"])])
    async with serving(app) as url, HttpClient() as http:
        protection = TaskProtection(agent_uri=url, http=http, renew_seconds=renew_seconds, retry_seconds=retry_seconds)
        running = asyncio.create_task(protection.run())
        yield protection
        running.cancel()
        await asyncio.wait({running})


async def test_a_task_is_protected_while_it_has_calls() -> None:
    agent = Agent()
    async with protecting(agent) as protection:
        protection.set_busy(True)
        assert await agent.next() == {"ProtectionEnabled": True, "ExpiresInMinutes": 60}
        protection.set_busy(True)
        protection.set_busy(False)
        assert await agent.next() == {"ProtectionEnabled": False}
    assert agent.asked.empty()


async def test_protection_is_renewed_after_it_has_run_out() -> None:
    agent = Agent()
    async with protecting(agent, renew_seconds=0.01) as protection:
        protection.set_busy(True)
        assert [await agent.next() for _ in range(3)] == 3 * [{"ProtectionEnabled": True, "ExpiresInMinutes": 60}]


@pytest.mark.parametrize(
    "answer",
    [
        {"failure": {"Reason": "DEPLOYMENT_BLOCKED"}, "protection": None},
        {"error": {"Code": "AccessDeniedException"}},
        {"error": None},
        None,
    ],
)
async def test_a_refusal_is_borne_and_asked_for_again(answer: Any) -> None:
    agent = Agent()
    agent.answer = answer
    async with protecting(agent) as protection:
        protection.set_busy(True)
        await agent.next()
        agent.answer = {"protection": {}}
        await agent.next()


async def test_outside_of_ecs_nothing_is_asked() -> None:
    async with HttpClient() as http:
        protection = TaskProtection(agent_uri="", http=http)
        protection.set_busy(True)
        await protection.run()
