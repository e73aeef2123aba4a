"""``POST /v1/listen``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.speech.audio import decode
from local.speech.authentication import authenticate
from local.speech.engines import Engine
from local.speech.engines.deaf import Deaf
from local.speech.errors import ListenError
from local.speech.faults import MAX_PARALLEL_SECONDS, Faults
from local.speech.faulty_answers import carry_out
from local.speech.journal import Entry, Journal
from local.speech.parameters import ListenOptions, parse_options
from local.speech.remote import Remote, gather_bytes, url_in
from local.speech.reply import transcribe

Json = dict[str, Any]

MAX_JSON_BYTES = 64 * 1024


@dataclass
class ListenService:
    """What one server works with.

    Attributes:
        key: The one API key that is accepted.
        max_bytes: Largest audio accepted.
    """

    engine: Engine
    journal: Journal
    faults: Faults
    remote: Remote
    max_bytes: int
    key: str
    _jobs: set[asyncio.Task[None]] = field(default_factory=set)

    async def listen(self, request: Request) -> Response:
        """Answer one request as Deepgram would."""
        request_id = str(uuid.uuid4())
        entry = self.journal.open(request_id, request.query_params.multi_items())
        try:
            response = await self._answer(request, entry)
        except ListenError as error:
            response = error.response(request_id)
        except Exception:
            entry.status = 500
            raise
        if entry.unanswered:
            return response
        entry.status = response.status_code
        response.headers["dg-request-id"] = request_id
        return response

    async def close(self) -> None:
        """Give up callbacks that are still to be delivered."""
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        await self.remote.close()

    async def _answer(self, request: Request, entry: Entry) -> Response:
        with ExitStack() as end:
            end.callback(entry.finish)
            authenticate(request.headers.get("authorization", ""), self.key)
            options = parse_options(request.query_params.multi_items(), self.engine.languages)
            if options.callback is not None:
                self.remote.check_callback(options.callback)
            end.enter_context(self.journal.slot(entry))
            url, body = await self._source(request, entry)
            engine = self.engine
            if fault := self.faults.take(entry.audio or "", entry.sha256):
                entry.fault, entry.unanswered = fault.label, not fault.answers
                with suppress(TimeoutError):
                    async with asyncio.timeout(MAX_PARALLEL_SECONDS):
                        await self.journal.reach(fault.parallel)
                if (answer := await carry_out(fault, request, entry.request_id)) is not None:
                    return answer
                if fault.action == "no-speech":
                    engine = Deaf(engine)
            if options.callback is not None:
                # Counts as in progress, and stays open in the journal, until the job is over.
                job = asyncio.create_task(
                    self._call_back(end.pop_all(), self._reply(url, body, options, engine, entry), options, entry)
                )
                self._jobs.add(job)
                job.add_done_callback(self._jobs.discard)
                return JSONResponse({"request_id": entry.request_id})
            return JSONResponse(await self._reply(url, body, options, engine, entry))

    async def _source(self, request: Request, entry: Entry) -> tuple[str | None, bytes]:
        """Read the body: the URL in it, or the audio that it is."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            text = await gather_bytes(request.stream(), MAX_JSON_BYTES)
            try:
                url = url_in(json.loads(text))
            except ValueError:
                url = url_in(None)
            entry.name_audio(url)
            return url, b""
        body = await gather_bytes(request.stream(), self.max_bytes)
        entry.audio = "(body)"
        entry.sha256 = await asyncio.to_thread(_sha256, body)
        return None, body

    async def _reply(self, url: str | None, body: bytes, options: ListenOptions, engine: Engine, entry: Entry) -> Json:
        if url is not None:
            body = await self.remote.fetch(url)
            entry.sha256 = await asyncio.to_thread(_sha256, body)
        recording = await asyncio.to_thread(decode, body, entry.sha256 or "", options)
        return await transcribe(recording, engine, options, entry.request_id)

    async def _call_back(
        self, end: ExitStack, replying: Coroutine[Any, Any, Json], options: ListenOptions, entry: Entry
    ) -> None:
        """Do a job and deliver its reply. What Deepgram delivers when it fails is not documented; here the error."""
        with end:
            try:
                reply = await replying
            except ListenError as error:
                reply = {**error.body(entry.request_id)}
        await self.remote.deliver(options.callback or "", options.callback_method, reply)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
