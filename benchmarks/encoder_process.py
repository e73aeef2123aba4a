"""One process that judges as a function does, for `benchmarks.encoder_cost`: prints what it took, as JSON.

Its argument is the folder of the encoder's weights; without one the rules judge alone.
"""

import sys
import time
from importlib import import_module

_BEGAN = time.process_time()
import_module("lambdas.store_transcript.handler")

_IMPORTED = time.process_time() - _BEGAN

import json  # noqa: E402
import re  # noqa: E402
import resource  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.judgement import Call, transcript_of  # noqa: E402
from callscribe.conversation.flags import load_flag_set  # noqa: E402
from lambdas.common.wording import wording_engine  # noqa: E402

SHORT = Call(name="a call of 3 minutes, 30 turns", channels=2, words_of_utterance=15, words=450, seconds=180.0)
LONG = Call(name="a call of 4 hours, 40,000 words", channels=2, words_of_utterance=12, words=40_000)


def main(weights: str | None) -> dict[str, float]:
    """Judge a call twice, since the first brings what stays, and a long one."""
    began = time.process_time()
    engine = wording_engine(weights, load_flag_set())
    found = {"imported": _IMPORTED, "loaded": time.process_time() - began}
    for name, call in (("first", SHORT), ("short", SHORT), ("long", LONG)):
        began = time.process_time()
        transcript_of(call, wording=engine)
        found[name] = time.process_time() - began
        found[f"{name}_mib"] = _mib()
    return found


def _mib() -> float:
    """The most memory that was in use so far."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    # Of the process itself: Linux's `ru_maxrss` begins with that of whoever started it.
    status = Path("/proc/self/status").read_text("ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 2**10  # type: ignore[index]


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1] if len(sys.argv) > 1 else None)))
