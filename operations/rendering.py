"""Calls on a terminal. Takes items of the table, or documents of the archive with the same names."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from callscribe.conversation.flags import flag_names
from callscribe.live.call import SAMPLE_RATE, LiveStatus
from callscribe.live.coverage import BEGINNING_NOT_PROVEN, END_NOT_PROVEN, STOP_TIMESTAMP, covered_seconds, unproven_ms

from . import role_names
from .score_words import between_live_and_recorded, evidence, points, scored_otherwise, why
from .time_zones import UNKNOWN, TimeZones

Item = Mapping[str, Any]
_CLAIM_REASONS = ("failed_step", "error_code", "error_message", "covered_reason", "same_content_as")
_ROLE_STYLES = {"agent": "cyan", "customer": "green", "announcement": "dim"}


def table_of(*columns: str, title: str | None = None) -> Table:
    """A table that breaks a long id into lines rather than cut it off."""
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def calls_table(items: Iterable[Item], *, zones: TimeZones = UNKNOWN) -> Table:
    """One line for each transcript."""
    table = table_of("Started", "Call", "Length", "Words", "Reliability", "Flags", "Score", "Cost")
    for item in items:
        table.add_row(
            *cells(
                _started(item, zones),
                _name(item),
                _clock(item["duration_seconds"]),
                item["word_count"],
                _reliability(item)[0],
                _flags(item),
                _points(item.get("quality")),
                _cost(item),
            )
        )
    return table


def object_name(bucket: Any, key: Any) -> str | None:
    """An object as people write it, where both its names are known."""
    return f"s3://{bucket}/{key}" if bucket and key else None


def claims_table(items: Iterable[Item]) -> Table:
    """One line for each claim on a recording, or admission that failed before there was a claim."""
    table = table_of("Call", "Clinic", "Status", "Tries", "Requests", "Changed (UTC)", "Reason", "Recording")
    for item in items:
        table.add_row(
            *cells(
                item.get("call_id"),
                _clinic(item),
                item["status"],
                item.get("attempts"),
                _asked(item),
                str(item["updated_at"])[:16].replace("T", " "),
                ": ".join(item[name] for name in _CLAIM_REASONS if name in item),
                item.get("s3_key") if item.get("call_id") else object_name(item.get("bucket"), item.get("s3_key")),
            )
        )
    return table


def live_calls_table(items: Iterable[Item], *, zones: TimeZones = UNKNOWN) -> Table:
    """One line for each call that was, or is, transcribed while it runs."""
    table = table_of(
        *("Started", "Live call", "Status", "Length", "Results", "Reliability", "Gaps", "Changes", "Notes")
    )
    for item in items:
        table.add_row(
            *cells(
                zones.written(datetime.fromtimestamp(int(item["started_at_ms"]) / 1000, UTC), item.get("clinic_id")),
                item["call_id"],
                live_status(item),
                _clock(item["duration_seconds"]) if "duration_seconds" in item else None,
                int(item.get("next_seq", 1)) - 1,
                live_reliability(item),
                _gaps(item),
                _changes(item),
                ", ".join(_live_notes(item)),
            )
        )
    return table


def live_status(item: Item, *, now: float | None = None) -> str:
    """How a live call stands.

    A streamer that has died leaves the status behind that it had, and a lease that it does not renew.

    Args:
        item: State of the call.
        now: Seconds since 1970. Default: by the clock of this machine.
    """
    status = str(item["status"])
    left = status == LiveStatus.STREAMING and float(item.get("lease_until", "inf")) < (now or time.time())
    if status == LiveStatus.ANNOUNCED or left:
        return "waiting for a streamer"
    return "being handed over" if status == LiveStatus.RELEASED else status


def clinics_table(items: Iterable[Item]) -> Table:
    """One line for each decision whose call it is."""
    table = table_of("Call", "Clinic", "Decided (UTC)", "Claimed for another clinic")
    for item in items:
        against = (statement.partition("#") for statement in sorted(item["conflicts"]))
        table.add_row(
            *cells(
                item["call_id"],
                _clinic(item),
                str(item["decided_at"])[:16].replace("T", " "),
                ", ".join(f"{clinic} by {source}" for source, _, clinic in against),
            )
        )
    return table


def notes_table(
    items: Iterable[Item], *, zones: TimeZones = UNKNOWN, names: Mapping[str, str] = role_names.OWN
) -> Table:
    """One line for each correction of a call's roles, and each review of its score, in order of time."""
    table = table_of("By people", "Who", "When", "Part", "Of", "Says")
    for item in sorted(items, key=_noted_at):
        is_review = item["type"] == "review"
        table.add_row(
            *cells(
                "review" if is_review else "roles",
                item["author"],
                zones.written(datetime.fromisoformat(_noted_at(item)), item.get("clinic_id")),
                item["kind"],
                _version(item),
                _reviewed(item) if is_review else _corrected(item, names),
            )
        )
    return table


def _noted_at(item: Item) -> str:
    return str(item.get("reviewed_at") or item["corrected_at"])


def _version(item: Item) -> str:
    """The transcript that somebody says something of."""
    return "live" if item.get("recording_id") is None else f"recording {str(item['recording_id'])[:12]}"


def _corrected(item: Item, names: Mapping[str, str]) -> str:
    said = [f"{speaker} is {names.get(role, role)}" for speaker, role in sorted(item["speakers"].items())]
    turns = item.get("turns") or ()
    said += [
        f"{turn['speaker']} at {_clock(turn['start'])} is {names.get(turn['role'], turn['role'])}" for turn in turns
    ]
    return ", ".join(said) or "taken back"


def _reviewed(item: Item) -> str:
    """The criteria that somebody says something of, each beside what was computed, and how reliable that is."""
    if not item["scores"]:
        return "taken back"
    said = "; ".join(
        f"{one['criterion']} {_given(one['applicable'], one.get('points'))} of {one['max_points']:g}"
        f" (computed {_given(one['computed_applicable'], one['computed_points'])})"
        f"{f', {note}' if (note := one.get('note')) else ''}"
        for one in item["scores"]
    )
    return f"{said}; computed with reliability {item.get('reliability') or 'unknown'}"


def _given(applicable: bool, points: Any) -> str:
    return f"{points:g}" if applicable else "does not apply"


def transcript_view(
    item: Item, *, zones: TimeZones = UNKNOWN, names: Mapping[str, str] = role_names.OWN
) -> RenderableType:
    """A transcript by role, its figures and its score with the words that gave the points."""
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    roles = item["roles"]
    for name, value in (
        ("Clinic", _clinic(item)),
        ("Started", f"{_started(item, zones)} ({item['kind']})"),
        ("Length", f"{_clock(item['duration_seconds'])}, {item['word_count']} words"),
        (
            "Recognised",
            f"by {item['model']}, confidence {_share(item.get('confidence') if item['word_count'] else None)}",
        ),
        ("Roles", f"by {roles['method']}"),
        ("Reliability", _with_reasons(*_reliability(item))),
        ("Flags", _flags(item)),
        ("Summary", item["summary"]),
        ("Cost", f"{_cost_line(item)}{_requests(item['cost'])}"),
        ("Source", _source(item)),
    ):
        facts.add_row(Text(name, style="bold"), Text(str(value)))
    if analysis := item.get("analysis"):
        facts.add_row(Text("Analyst", style="bold"), Text(_analyst(analysis)))
    parts: list[RenderableType] = [Text(f"Call {item['call_id']}", style="bold"), facts, _turns(item, names)]
    if quality := item.get("quality"):
        parts.append(_score(quality, item))
        if (difference := between_live_and_recorded(item)) is not None:
            parts.append(Text(difference, style="dim"))
        if differing := scored_otherwise(item):
            parts.append(_differences(differing))
    return Group(*parts)


def _clinic(item: Item) -> str | None:
    """A clinic, and what it was decided by, as far as that was noted."""
    clinic, source = item.get("clinic_id"), item.get("clinic_source")
    return f"{clinic} (by {source})" if clinic and source else clinic


def _turns(item: Item, names: Mapping[str, str]) -> RenderableType:
    """What was said, turn by turn; what was stored before turns were told apart, by utterance."""
    turns = item.get("turns") or item["utterances"]
    if not turns:
        return Text("Nobody spoke.")
    table = Table("#", "Time", "Who", "Said", box=None, padding=(0, 2, 0, 0))
    for number, turn in enumerate(turns, start=1):
        style = _ROLE_STYLES.get(turn["role"], "")
        who = names.get(turn["role"], turn["role"]) if turn["role"] != "unknown" else turn["speaker"]
        table.add_row(
            Text(str(number), style="dim"),
            Text(_clock(turn["start"]), style="dim"),
            Text(who, style=style),
            Text(turn["text"]),
        )
    return table


def utterance_line(
    utterance: Item, *, call_id: str | None = None, interim: bool = False, names: Mapping[str, str] = role_names.OWN
) -> Text:
    """One line of a live transcript; what may still change is dim. With *call_id* it says whose."""
    role = str(utterance["role"])
    return Text.assemble(
        *([(f"{call_id}  ", "dim")] if call_id else []),
        (f"{_clock(utterance['start']):>7}  ", "dim"),
        (f"{names.get(role, role):<8}  ", _ROLE_STYLES.get(role, "")),
        (f"{utterance['text']}", "dim italic" if interim else ""),
    )


def _score(quality: Item, item: Item) -> Table:
    title = f"Quality {_points(quality)} ({quality['rubric']}), reliability {_reliability(item)[0]}"
    table = table_of("Criterion", "Points", "Why", "Because of", title=title)
    turns = item.get("turns") or ()
    for criterion in quality["criteria"]:
        table.add_row(*cells(criterion["title"], points(criterion), why(criterion), evidence(criterion, turns)))
    return table


def _differences(differing: Iterable[tuple[Item, Item]]) -> Table:
    """Criteria that a live transcript and that of the recording differ in, each with why it has its points."""
    table = table_of("Differing", "Recording", "Live", "Why, live", "Because of, live")
    for recorded, live in differing:
        table.add_row(*cells(recorded["title"], points(recorded), points(live), why(live), evidence(live, ())))
    return table


def cells(*values: Any) -> tuple[Text, ...]:
    """Plain text: what comes from a call must not be read as markup."""
    return tuple(Text("-" if value in (None, "") else str(value)) for value in values)


def _name(item: Item) -> str:
    parts = [item["kind"]] if item["kind"] != "agent" else []
    if item["source"] == "live":
        parts.append("live" if is_proven(item["live"]) else "live, incomplete")
    return f"{item['call_id']} ({', '.join(parts)})" if parts else str(item["call_id"])


def _source(item: Item) -> str:
    if item["source"] != "live":
        return f"recording {item['s3_key']} (version {item.get('version_id') or 'none'})"
    live = item["live"]
    if not is_proven(live):
        return f"live, incomplete: {', '.join(reasons_of(live))}; at least {_clock(at_least_seconds(live))}"
    stopped = live["end"].get("source") == STOP_TIMESTAMP
    return f"live, complete{' until streaming was stopped' if stopped else ''}{but_for(live)}"


def is_proven(live: Item) -> bool:
    """Whether a live call, or a transcript's coverage, is complete with evidence of both its ends."""
    ends = (live.get("beginning"), live.get("end"))
    return bool(live.get("complete")) and all(end is not None and end.get("missing") is False for end in ends)


def but_for(live: Item) -> str:
    """What right before its end nothing can prove of a complete call; empty where that is none."""
    unproven = unproven_ms(live["end"])
    return f" but for at most {unproven / 1000:.1f} s at its end" if unproven else ""


def reasons_of(live: Item) -> list[str]:
    """Why it is not; what an earlier version called complete has no evidence of its ends."""
    return list(live["incomplete_reasons"]) or [BEGINNING_NOT_PROVEN, END_NOT_PROVEN]


def at_least_seconds(live: Item) -> float:
    """How much of it is transcribed at least."""
    noted = covered_seconds(live["intervals"] if live.get("beginning") else None)
    return float(live["duration_seconds"]) - _gap_seconds(live) if noted is None else noted


def _gaps(item: Item) -> str | None:
    gaps = item.get("gaps")
    return f"{len(gaps)} ({_gap_seconds(item):.1f} s)" if gaps else None


def _gap_seconds(item: Item) -> float:
    return float(sum(gap["end"] - gap["start"] for gap in item.get("gaps") or [])) / SAMPLE_RATE


def _changes(item: Item) -> str:
    """How often the call changed its streamer, and its connection to the speech service."""
    counts = (("hand-over", item.get("handovers", 0)), ("reconnect", item.get("reconnects", 0)))
    return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts if count)


def _live_notes(item: Item) -> Iterator[str]:
    yield from (str(name).replace("_", " ") for name in item.get("alerted") or ())
    if is_proven(item):
        yield f"complete{but_for(item)}"
    elif "complete" in item:
        yield f"at least {_clock(at_least_seconds(item))}"
        yield from reasons_of(item)
    yield from (str(item[name]) for name in ("error_code", "error_message") if item.get(name))


def _flags(item: Item) -> str:
    """The flags that are raised. One that is not there is not known: nobody looked for it, or could judge the call."""
    # Before flag sets could be somebody's own an item had attributes only.
    flags = item.get("flags") or {name: item.get(name) for name in flag_names()}
    raised = [name.replace("_", " ") for name, is_raised in flags.items() if is_raised]
    unknown = [name.replace("_", " ") for name, is_raised in flags.items() if is_raised is None]
    if not unknown:
        return ", ".join(raised) or "none"
    if len(unknown) == len(flags):
        return "unknown"
    return f"{', '.join(raised) or 'none'}; unknown: {', '.join(unknown)}"


def _analyst(analysis: Item) -> str:
    """What a language model says of a call, beside the rules."""
    who = f"({analysis['source']}, {analysis['model']})"
    if analysis["status"] != "succeeded":
        return f"{analysis['status']}: {analysis['reason']} {who}"
    flags = analysis.get("flags") or {}
    raised = ", ".join(name.replace("_", " ") for name, is_raised in flags.items() if is_raised)
    score = analysis.get("score")
    figures = (
        f"urgency {analysis.get('urgency') or 'unknown'}",
        f"flags {raised or ('none' if flags else 'unknown')}",
        f"score {'unknown' if score is None else f'{score:g} of 100'}",
        f"{analysis['dropped']:g} answers dropped",
    )
    return f"{analysis.get('summary') or 'No summary.'} {'; '.join(figures)} {who}"


def _reliability(item: Item) -> tuple[str, Sequence[str]]:
    """Whether what is concluded from a call can be relied on, and why not. The list of calls has it with the score."""
    found = item.get("reliability") or (item.get("quality") or {}).get("reliability")
    return (str(found["level"]), found["reasons"]) if found else ("unknown", ())


def live_reliability(item: Item) -> str:
    """Whether what is concluded from a live call can be relied on, and why not: of one that runs, as far as known."""
    level, reasons = _reliability(item)
    over = item["status"] in (LiveStatus.COMPLETED, LiveStatus.FAILED)
    return _with_reasons(level if over or level == "unknown" else f"{level} so far", reasons)


def _with_reasons(level: str, reasons: Sequence[str]) -> str:
    return f"{level}: {', '.join(reasons)}" if reasons else level


def _points(quality: Item | None) -> str:
    return "-" if quality is None or quality["score"] is None else f"{quality['score']:g} of 100"


def _started(item: Item, zones: TimeZones) -> str:
    """When a call began, as exactly as that is known: of some calls the day alone, in UTC."""
    started = str(item["started_at"])
    if item.get("started_at_source") == "key-day":
        return f"{started[:10]} UTC"
    moment = datetime.fromisoformat(started)
    return zones.written(moment if moment.tzinfo else moment.replace(tzinfo=UTC), item.get("clinic_id"))


def _share(value: Any) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def known_cost(cost: Item) -> tuple[Decimal | None, bool]:
    """What is known of a transcript's cost in USD, None where nothing is, and whether it may be more."""
    total, known = cost.get("total_usd"), cost.get("at_least_usd")
    if total is not None and not cost.get("unpriced") and not _perhaps_billed(cost):
        return total, False
    # Transcripts of before leave what is unpriced out of their total.
    return (total if known is None else known) or None, True


def _cost(item: Item) -> str:
    """The cost of a transcript, or what it is at least where some of it is not known."""
    known, more = known_cost(item["cost"])
    if known is None:
        return "unknown"
    return f"at least ${known:.4f}" if more else f"${known:.4f}"


def _cost_line(item: Item) -> str:
    cost = item["cost"]
    unpriced = cost.get("unpriced") or ()
    without = f", which has no price for {', '.join(unpriced)}" if unpriced else ""
    return f"{_cost(item)} by {cost['price_list']} ({cost['plan']}){without}"


def _requests(cost: Item) -> str:
    """How often the speech service was asked, where that was more than once."""
    requests, refused = int(cost["requests"]), int(cost.get("refused") or 0)
    if requests <= 1:
        return ""
    known = f", {refused} of them refused" if refused else ""
    billed = _perhaps_billed(cost)
    return f"; asked {requests} times{known}{f', {billed} more may have been billed' if billed else ''}"


def _asked(claim: Item) -> str | None:
    """Requests sent for a recording, and those of them that were refused; None where there is no claim."""
    if "deepgram_requests" not in claim:
        return None
    refused = int(claim.get("deepgram_refused", 0))
    return f"{int(claim['deepgram_requests'])}{f' ({refused} refused)' if refused else ''}"


def _perhaps_billed(cost: Item) -> int:
    """Requests, beside the one that was kept, of which nobody knows whether they were billed."""
    return max(0, int(cost["requests"]) - int(cost.get("refused") or 0) - 1)


def _clock(seconds: Any) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
