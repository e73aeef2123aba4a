"""``POST /v1/listen``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from contextlib import ExitStack, suppress
from dataclasses import dataclass
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
        """Close every connection."""
        await self.remote.close()

    async def _answer(self, request: Request, entry: Entry) -> Response:
        with ExitStack() as end:
            end.callback(entry.finish)
            authenticate(request.headers.get("authorization", ""), self.key)
            options = parse_options(request.query_params.multi_items(), self.engine.languages)
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
        recording = await asyncio.to_thread(decode, body, entry.sha256 or "", multichannel=options.multichannel)
        return await transcribe(recording, engine, options, entry.request_id)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
