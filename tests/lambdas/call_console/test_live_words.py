"""The page's reading of a call that runs, in Node: no word lost and none repeated, whatever the feed does."""

from __future__ import annotations

from typing import Any

from tests.lambdas.call_console.page_module import run_with

_RUN = """
import { LiveWords } from %s
const { table, events } = JSON.parse(process.argv[1])
let reads = 0
const words = new LiveWords(async (after) => {
  reads += 1
  const behind = table.filter(({ seq }) => seq > after)
  return { call: { call_id: 'x' }, utterances: behind.slice(0, 2), more: behind.length > 2 }
})
await words.catchUp()
for (const event of events) {
  if (event.stored) table.push(event.stored)
  else await words.take(event)
}
const texts = (lines) => lines.map(({ text }) => text)
console.log(JSON.stringify({ said: texts(words.utterances), saying: texts(words.saying), reads }))
"""


def heard(table: list[dict[str, Any]], *events: dict[str, Any]) -> dict[str, Any]:
    """What the page shows after these events, and how often it asked the table, which told two utterances at a time."""
    shown: dict[str, Any] = run_with("live_words.js", _RUN, {"table": table, "events": events})
    return shown


def words(seq: int, **more: Any) -> dict[str, Any]:
    return {"type": "final", "seq": seq, "channel": 0, "text": f"w{seq}", "start": seq, "end": seq + 0.9, **more}


def interim(text: str, start: float, end: float) -> dict[str, Any]:
    return {"type": "interim", "channel": 0, "text": text, "start": start, "end": end}


def test_what_was_said_before_comes_from_the_table_and_the_rest_from_the_feed() -> None:
    shown = heard([words(1), words(2), words(3)], words(4), words(5))
    assert shown == {"said": ["w1", "w2", "w3", "w4", "w5"], "saying": [], "reads": 2}


def test_what_the_feed_repeats_or_brings_late_is_shown_once() -> None:
    assert heard([words(1)], words(1), words(2), words(1), words(2))["said"] == ["w1", "w2"]


def test_what_the_feed_loses_is_read() -> None:
    shown = heard([words(1)], {"stored": words(2)}, {"stored": words(3)}, words(3), words(4))
    assert shown["said"] == ["w1", "w2", "w3", "w4"]


def test_what_is_said_right_now_gives_way_to_what_was_understood() -> None:
    assert heard([], interim("he", 1, 1.5), interim("hello", 1, 1.8))["saying"] == ["hello"]
    assert heard([], interim("hello", 1, 1.8), words(1), interim("late", 1, 1.7))["saying"] == []
    assert heard([], words(1), interim("next", 2, 2.5))["saying"] == ["next"]
