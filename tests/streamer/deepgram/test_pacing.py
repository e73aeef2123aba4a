from hypothesis import given
from hypothesis import strategies as st

from streamer.deepgram.pacing import Pacer


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_fragments_of_a_second_are_never_held_up() -> None:
    clock = Clock()
    pacer = Pacer(clock=clock)
    for _ in range(100):
        assert sum(pacer.delay(0.25) for _ in range(4)) == 0
        clock.now += 1.0


def test_a_backlog_goes_out_at_the_rate_after_a_burst() -> None:
    clock = Clock()
    pacer = Pacer(rate=1.25, burst=3.0, clock=clock)
    began = clock.now
    for _ in range(240):
        clock.now += pacer.delay(0.25)
    assert abs(clock.now - began - (60 - 3) / 1.25) < 0.3


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0.001, 0.25)), min_size=1, max_size=60))
def test_no_span_of_time_gets_more_than_its_share(pieces: list[tuple[float, float]]) -> None:
    clock = Clock()
    pacer = Pacer(rate=1.25, burst=2.0, clock=clock)
    sent: list[tuple[float, float]] = []
    for pause, seconds in pieces:
        clock.now += pause
        clock.now += pacer.delay(seconds)
        sent.append((clock.now, seconds))
    for first, (begin, _) in enumerate(sent):
        total = 0.0
        for at, seconds in sent[first:]:
            total += seconds
            assert total <= 2.0 + 1.25 * (at - begin) + 0.25 + 1e-6
