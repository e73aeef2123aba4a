"""Calls on a terminal. Takes items of the table, or documents of the archive with the same names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from transcription.call_summary import FLAGS

Item = Mapping[str, Any]
_ROLE_STYLES = {"agent": "cyan", "customer": "green"}


def table_of(*columns: str, title: str | None = None) -> Table:
    """A table that breaks a long id into lines rather than cut it off."""
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def calls_table(items: Iterable[Item]) -> Table:
    """One line for each transcript."""
    table = table_of("Started (UTC)", "Call", "Length", "Words", "Flags", "Score", "Cost")
    for item in items:
        table.add_row(
            *cells(
                str(item["started_at"])[:16].replace("T", " "),
                item["call_id"] if item["kind"] == "agent" else f"{item['call_id']} ({item['kind']})",
                _clock(item["duration_seconds"]),
                item["word_count"],
                _flags(item),
                _points(item.get("quality")),
                _cost(item),
            )
        )
    return table


def claims_table(items: Iterable[Item]) -> Table:
    """One line for each claim on a recording."""
    table = table_of("Call", "Clinic", "Status", "Tries", "Requests", "Changed", "Reason")
    for item in items:
        table.add_row(
            *cells(
                item.get("call_id"),
                item.get("clinic_id"),
                item["status"],
                item["attempts"],
                item["deepgram_requests"],
                str(item["updated_at"])[:16].replace("T", " "),
                ": ".join(item[name] for name in ("failed_step", "error_code", "error_message") if name in item),
            )
        )
    return table


def transcript_view(item: Item) -> RenderableType:
    """A transcript by role, its figures and its score with the turns that gave the points."""
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    roles = item["roles"]
    for name, value in (
        ("Clinic", item["clinic_id"]),
        ("Started", f"{item['started_at']} ({item['kind']})"),
        ("Length", f"{_clock(item['duration_seconds'])}, {item['word_count']} words"),
        ("Recognised", f"by {item['model']}, confidence {item['confidence']:.2f}"),
        ("Roles", f"by {roles['method']}"),
        ("Flags", _flags(item) or "none"),
        ("Summary", item["summary"]),
        ("Cost", f"{_cost(item)} by {item['cost']['price_list']}"),
        ("Recording", f"{item['s3_key']} (version {item.get('version_id') or 'none'})"),
    ):
        facts.add_row(Text(name, style="bold"), Text(str(value)))
    parts: list[RenderableType] = [Rule(Text(f"Call {item['call_id']}")), facts, _turns(item["utterances"])]
    if quality := item.get("quality"):
        parts.append(_score(quality))
    return Group(*parts)


def _turns(utterances: Sequence[Item]) -> RenderableType:
    if not utterances:
        return Text("Nobody spoke.")
    table = Table("#", "Time", "Who", "Said", box=None, padding=(0, 2, 0, 0))
    for number, utterance in enumerate(utterances, start=1):
        style = _ROLE_STYLES.get(utterance["role"], "")
        who = utterance["role"] if utterance["role"] != "unknown" else utterance["speaker"]
        table.add_row(
            Text(str(number), style="dim"),
            Text(_clock(utterance["start"]), style="dim"),
            Text(who, style=style),
            Text(utterance["text"]),
        )
    return table


def utterance_line(utterance: Item, *, call_id: str | None = None, interim: bool = False) -> Text:
    """One line of a live transcript; what may still change is dim. With *call_id* it says whose."""
    role = str(utterance["role"])
    return Text.assemble(
        *([(f"{call_id}  ", "dim")] if call_id else []),
        (f"{_clock(utterance['start']):>7}  ", "dim"),
        (f"{role:<8}  ", _ROLE_STYLES.get(role, "")),
        (f"{utterance['text']}", "dim italic" if interim else ""),
    )


def _score(quality: Item) -> Table:
    table = table_of("Criterion", "Points", "Turns", "Why", title=f"Quality {_points(quality)} ({quality['rubric']})")
    for criterion in quality["criteria"]:
        points = (
            f"{float(criterion['points']):g} of {float(criterion['max_points']):g}" if criterion["applicable"] else "-"
        )
        turns = ", ".join(str(int(turn) + 1) for turn in criterion["evidence"])
        table.add_row(*cells(criterion["title"], points, turns, criterion["reason"]))
    return table


def cells(*values: Any) -> tuple[Text, ...]:
    """Plain text: what comes from a call must not be read as markup."""
    return tuple(Text("-" if value in (None, "") else str(value)) for value in values)


def _flags(item: Item) -> str:
    return ", ".join(name.replace("_", " ") for name in FLAGS if item.get(name))


def _points(quality: Item | None) -> str:
    return "-" if quality is None or quality["score"] is None else f"{quality['score']:g} of 100"


def _cost(item: Item) -> str:
    return f"${item['cost']['total_usd']:.4f}"


def _clock(seconds: Any) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
