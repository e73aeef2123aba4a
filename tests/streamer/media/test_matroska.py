from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.verification.fragments import AGENT_TRACK, CUSTOMER_TRACK, Block, Fragment, contact_tags, error_document
from streamer.media.call_media import CallMedia, UnsupportedAudio
from streamer.media.matroska import (
    MAX_ELEMENT_BYTES,
    Audio,
    Cluster,
    Damage,
    Demuxer,
    Document,
    Event,
    MatroskaError,
    Segment,
    Tags,
)
from tests.streamer.media.calls import CALL, START_MS, contact, delivered, read

STREAM = b"".join(delivered(contact().fragments())[:2])
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
HEAD = bytes.fromhex("1a45dfa380") + bytes.fromhex("18538067") + UNKNOWN_SIZE
"""An empty EBML header, and a Segment of unknown size."""
CLUSTER = HEAD + bytes.fromhex("1f43b675ff") + bytes.fromhex("e78103")
"""The same with a Cluster at 3 ms."""


def events(data: bytes) -> list[Event]:
    return list(Demuxer().feed(data))


def one_fragment(**options: object) -> Fragment:
    parts = {
        "segment_uid": b"0123456789abcdef",
        "tracks": {1: CUSTOMER_TRACK, 2: AGENT_TRACK},
        "start_ms": START_MS,
        "blocks": [Block(2, START_MS + 5, b"\1\2"), Block(1, START_MS - 5, b"\3\4")],
        "tags": {"ContactId": CALL},
    }
    return Fragment(**{**parts, **options})  # type: ignore[arg-type]


class TestEvents:
    @pytest.mark.parametrize("known_sizes", [False, True])
    def test_a_fragment_is_told_in_the_order_of_the_stream(self, known_sizes: bool) -> None:
        found = events(one_fragment(known_sizes=known_sizes).write(number="17", behind_ms=9))
        assert found == [
            Document(),
            Segment(b"0123456789abcdef"),
            Tags(
                {
                    "AWS_KINESISVIDEO_FRAGMENT_NUMBER": "17",
                    "AWS_KINESISVIDEO_SERVER_TIMESTAMP": "1726677688.729",
                    "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP": "1726677688.724",
                }
            ),
            Cluster(START_MS),
            Audio(AGENT_TRACK, START_MS + 5, b"\1\2"),
            Audio(CUSTOMER_TRACK, START_MS - 5, b"\3\4"),
            Tags({"ContactId": CALL}),
            Tags({"AWS_KINESISVIDEO_MILLIS_BEHIND_NOW": "9", "AWS_KINESISVIDEO_CONTINUATION_TOKEN": "17"}),
        ]

    def test_an_error_document_has_tags_alone(self) -> None:
        assert [type(event) for event in events(error_document("FRAGMENT_NOT_FOUND", "4000"))] == [Document, Tags]

    def test_tracks_of_one_document_are_unknown_in_the_next(self) -> None:
        data = one_fragment().write(number="1") + one_fragment(tracks={1: CUSTOMER_TRACK}).write(number="2")
        assert [event.track for event in events(data) if isinstance(event, Audio)][2:] == ["", CUSTOMER_TRACK]

    def test_times_follow_the_scale_of_the_document(self) -> None:
        microseconds = bytes.fromhex("1549a966862ad7b18203e8")
        data = HEAD + microseconds + CLUSTER[len(HEAD) :] + bytes.fromhex("a38681ffff800102")
        assert [event.ms for event in events(data) if isinstance(event, Cluster | Audio)] == [0.003, 0.002]

    def test_a_block_inside_a_group_counts(self) -> None:
        assert events(CLUSTER + bytes.fromhex("a088a18681000180aabb"))[-1] == Audio("", 4.0, b"\xaa\xbb")

    def test_elements_that_are_not_needed_are_passed_over(self) -> None:
        void, unknown = bytes.fromhex("ec83a3a3a3"), bytes.fromhex("1043a77084a3810000")
        assert events(CLUSTER + void + unknown + bytes.fromhex("a38681000080aabb"))[-1] == Audio("", 3.0, b"\xaa\xbb")

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(0, len(STREAM)), max_size=40))
    def test_it_does_not_matter_how_the_bytes_are_cut(self, cuts: list[int]) -> None:
        demuxer, cuts = Demuxer(), sorted(cuts)
        found = [
            event
            for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)
            for event in demuxer.feed(STREAM[start:end])
        ]
        assert found == events(STREAM)

    def test_every_byte_may_come_alone(self) -> None:
        demuxer = Demuxer()
        assert [e for at in range(len(STREAM)) for e in demuxer.feed(STREAM[at : at + 1])] == events(STREAM)

    def test_what_it_remembers_of_a_long_stream_is_bounded(self) -> None:
        demuxer = Demuxer()
        for number in range(500):
            list(demuxer.feed(one_fragment().write(number=str(number))))
        assert len(demuxer._recent_tags) < 50
        assert not demuxer._buffer


class TestDamage:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"RIFF", "does not begin with a document"),
            (HEAD + b"\x00\x00", "no element id"),
            (HEAD + b"\x08\x81", "no element id"),
            (HEAD + b"\xec\x00", "no element size"),
            (CLUSTER + bytes.fromhex("a3ff"), "unknown size"),
            (HEAD + bytes.fromhex("ec1080000000000000")[:2] + b"\x20\x00\x00", "too large"),
            (HEAD + bytes.fromhex("a38681000080aabb"), "without a time"),
            (CLUSTER + bytes.fromhex("a380"), "without a head"),
            (CLUSTER + bytes.fromhex("a383810000"), "without a head"),
            (CLUSTER + bytes.fromhex("a3854001000080"), "track number"),
            (CLUSTER + bytes.fromhex("a38681000006aabb"), "laced"),
            (HEAD + bytes.fromhex("e789010101010101010101"), "too long"),
            (HEAD + bytes.fromhex("1254c3678473738100"), "no element id"),
            (HEAD + bytes.fromhex("1254c36783737385"), "longer"),
            (HEAD + bytes.fromhex("1549a966852ad7b18100"), "without a unit"),
        ],
    )
    def test_it_is_reported(self, data: bytes, message: str) -> None:
        with pytest.raises(MatroskaError, match=message):
            events(data + bytes.fromhex("00000000"))

    def test_what_comes_before_it_is_told_first(self) -> None:
        found: list[Event] = []
        demuxer = Demuxer()
        with pytest.raises(MatroskaError):
            found.extend(demuxer.feed(STREAM + b"\0\0"))
        assert found == events(STREAM)

    def test_an_element_too_large_is_refused_before_it_is_kept(self) -> None:
        head = HEAD + bytes.fromhex("1254c367") + (1 << 56 | MAX_ELEMENT_BYTES + 1).to_bytes(8, "big")
        with pytest.raises(MatroskaError, match="too large"):
            events(head)


class TestReadingOn:
    """Behind what cannot be read, where that is wanted."""

    FRAGMENTS = delivered(contact().fragments())[:3]

    @staticmethod
    def told(data: bytes, step: int) -> tuple[list[Event], int]:
        """What is told beside the damage, and how long that was."""
        demuxer, found, damage = Demuxer(read_on=True), list[Event](), 0
        for start in range(0, len(data), step):
            for event in demuxer.feed(data[start : start + step]):
                if isinstance(event, Damage):
                    damage += event.length
                else:
                    found.append(event)
            assert len(demuxer._buffer) <= MAX_ELEMENT_BYTES + step
        return found, damage

    @pytest.mark.parametrize("step", [1, 41, 5_000, 1 << 20])
    @pytest.mark.parametrize("at", [0, 1])
    def test_the_next_document_is_found_however_the_bytes_are_cut(self, at: int, step: int) -> None:
        fragments = [*self.FRAGMENTS]
        fragments[at] = b"\0" + fragments[at][1:]
        whole = [event for data in self.FRAGMENTS for event in events(data)]
        found, damage = self.told(b"".join(fragments), step)
        before, after = (sum(len(events(data)) for data in part) for part in (fragments[:at], fragments[at + 1 :]))
        assert found == [*whole[:before], *whole[len(whole) - after :]]
        assert damage == len(fragments[at])

    def test_the_first_bytes_of_a_document_in_the_damage_are_no_document(self) -> None:
        found, _ = self.told(b"\0" * 40 + bytes.fromhex("1a45dfa3") * 40 + self.FRAGMENTS[0], 1_000)
        assert found == events(self.FRAGMENTS[0])

    def test_what_has_no_document_at_all_is_damage_and_is_not_kept(self) -> None:
        found, damage = self.told(b"<html>" * 100_000, 9_000)
        assert found == []
        assert damage == pytest.approx(600_000, abs=100)

    def test_it_is_told_as_it_comes(self) -> None:
        demuxer = Demuxer(read_on=True)
        assert [type(event) for event in demuxer.feed(b"\0" * 500)] == [Damage]
        assert [type(event) for event in demuxer.feed(b"\0" * 500)] == [Damage]


SHORT = b"".join(delivered(contact(block_ms=10, blocks_per_fragment=2).fragments())[:3])
"""Fragments that have more to them than audio."""


def mutated(rng: random.Random) -> bytes:
    """A stream damaged in a few places: bytes changed, lost, repeated or made up, with all that sizes can say."""
    data = bytearray(SHORT)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randint(1, 400)]
            case 2:
                data[at:at] = rng.randbytes(rng.randint(1, 40))
            case 3:
                data[at:at] = data[rng.randrange(len(data)) :][: rng.randint(1, 600)]
            case 4:
                data[at : at + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, UNKNOWN_SIZE, b"\x01" + bytes(7)])
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_streams_end_in_an_error_or_in_audio_and_stay_small(seed: int) -> None:
    rng = random.Random(seed)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(400):
        data, reader, given_out = mutated(rng), CallMedia(call_id=CALL), 0
        reader.begin_session(read_on=bool(seed % 2))
        step = rng.choice([53, 700, 16_384])
        try:
            for start in range(0, len(data), step):
                given_out += sum(len(piece.pcm) for piece in reader.feed(data[start : start + step]))
                assert len(reader._demuxer._buffer) <= len(data)
            outcomes["read"] += 1
        except (MatroskaError, UnsupportedAudio):
            outcomes["refused"] += 1
        assert given_out < 40_000_000
    assert outcomes["read"] > 20
    assert (outcomes["refused"] > 20) == (not seed % 2), "damage is deadly only where it is not passed over"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_noise_after_a_beginning_is_an_error_or_nothing(noise: bytes) -> None:
    try:
        events(HEAD + noise)
    except MatroskaError:
        return


def test_silence_made_for_sparse_blocks_is_bounded() -> None:
    """Blocks nine seconds apart would each bring nine seconds of silence."""
    sparse = [
        one_fragment(
            tags=contact_tags(CALL),
            leading_tags=contact_tags(CALL),
            start_ms=START_MS + index * 9_000,
            blocks=[Block(1, START_MS + index * 9_000, array("h", [1] * 8).tobytes())],
        )
        for index in range(100)
    ]
    reader = CallMedia(call_id=CALL)
    with pytest.raises(UnsupportedAudio):
        read(reader, delivered(sparse))
    assert reader.position < 8_000 * 9 * 64
