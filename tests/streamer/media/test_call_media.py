from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.kinesis_video.fragments import (
    AGENT_TRACK,
    BLOCK_MS,
    CUSTOMER_TRACK,
    LEGACY_CUSTOMER_TRACK,
    error_document,
    fragment_number,
    from_pcm,
)
from streamer.media.call_media import CallMedia, StreamError, UnsupportedAudio
from streamer.media.matroska import MatroskaError
from tests.streamer.media.calls import (
    AGENT_PCM,
    CALL,
    CUSTOMER_PCM,
    OTHER_CALL,
    SECOND,
    START_MS,
    contact,
    counting,
    delivered,
    pcm_of,
    read,
    silence,
    stereo,
)
from transcription.live_call import EndReason, Gap, GapReason

WHOLE = stereo(CUSTOMER_PCM, AGENT_PCM)
FRAGMENT = 16 * BLOCK_MS * 8
"""Samples of a whole fragment."""


def media(**options: object) -> CallMedia:
    return CallMedia(call_id=CALL, **options)  # type: ignore[arg-type]


class TestTracks:
    @pytest.mark.parametrize("names", [(CUSTOMER_TRACK, AGENT_TRACK), (AGENT_TRACK, CUSTOMER_TRACK)])
    def test_their_names_say_who_speaks_whatever_their_order(self, names: tuple[str, str]) -> None:
        pcm = {CUSTOMER_TRACK: CUSTOMER_PCM, AGENT_TRACK: AGENT_PCM}
        call = contact(sources={name: from_pcm(pcm[name]) for name in names})
        assert pcm_of(read(media(), delivered(call.fragments()))) == WHOLE

    @pytest.mark.parametrize("name", [LEGACY_CUSTOMER_TRACK, CUSTOMER_TRACK + "\0\0\0"])
    def test_old_and_padded_names_are_the_customers(self, name: str) -> None:
        call = contact(sources={name: from_pcm(CUSTOMER_PCM)})
        assert pcm_of(read(media(), delivered(call.fragments()))) == stereo(CUSTOMER_PCM, b"")

    def test_an_unknown_track_is_left_out(self) -> None:
        call = contact(sources={"VIDEO": from_pcm(AGENT_PCM), CUSTOMER_TRACK: from_pcm(CUSTOMER_PCM)})
        assert pcm_of(read(media(), delivered(call.fragments()))) == stereo(CUSTOMER_PCM, b"")

    def test_a_missing_track_is_silent_and_delays_the_other_by_128_ms_only(self) -> None:
        call = contact(sources={AGENT_TRACK: from_pcm(AGENT_PCM)})
        reader, first = media(), delivered(call.fragments())[0]
        assert pcm_of(reader.feed(first)) == stereo(b"", AGENT_PCM)[: (FRAGMENT - 1_024) * 4]

    def test_a_late_track_comes_in_where_its_times_say(self) -> None:
        call = contact(starts={AGENT_TRACK: 3 * FRAGMENT + 5 * 512})
        late = silence(3 * FRAGMENT + 5 * 512)
        assert pcm_of(read(media(), delivered(call.fragments()))) == stereo(CUSTOMER_PCM, late + AGENT_PCM[len(late) :])

    def test_a_track_that_falls_silent_does_not_hold_the_other_back(self) -> None:
        short = AGENT_PCM[: 2 * FRAGMENT * 2]
        call = contact(sources={AGENT_TRACK: from_pcm(short), CUSTOMER_TRACK: from_pcm(CUSTOMER_PCM)})
        assert pcm_of(read(media(), delivered(call.fragments()))) == stereo(CUSTOMER_PCM, short)


class TestBlocks:
    def test_a_block_cut_short_leaves_silence_and_shifts_nothing(self) -> None:
        call = contact(odd_blocks={(CUSTOMER_TRACK, 20): 192})
        hole = 20 * 1_024 + 192
        expected = CUSTOMER_PCM[:hole].ljust(21 * 1_024, b"\0") + CUSTOMER_PCM[21 * 1_024 :]
        assert pcm_of(read(media(), delivered(call.fragments()))) == stereo(expected, AGENT_PCM)

    def test_half_a_sample_shifts_nothing(self) -> None:
        call = contact(odd_blocks={(AGENT_TRACK, 7): 1_023, (AGENT_TRACK, 40): 1_023})
        expected = bytearray(AGENT_PCM)
        for block in (7, 40):
            expected[(block + 1) * 1_024 - 2 : (block + 1) * 1_024] = b"\0\0"
        heard = pcm_of(read(media(), delivered(call.fragments())))
        # Within a fragment one sample is less than the jitter allowed, so that the rest moves up until the next one.
        assert heard[: 8 * 2_048 - 4] == WHOLE[: 8 * 2_048 - 4]
        assert heard[FRAGMENT * 4 : 41 * 2_048 - 4] == WHOLE[FRAGMENT * 4 : 41 * 2_048 - 4]
        assert heard[3 * FRAGMENT * 4 :] == WHOLE[3 * FRAGMENT * 4 :]

    @pytest.mark.parametrize("block_ms", [12, 20, 64, 100])
    def test_blocks_of_any_length_are_joined(self, block_ms: int) -> None:
        call = contact(block_ms=block_ms, blocks_per_fragment=1_020 // block_ms)
        assert pcm_of(read(media(), delivered(call.fragments()))) == WHOLE

    def test_clusters_of_known_size_read_alike(self) -> None:
        assert pcm_of(read(media(), delivered(contact(known_sizes=True).fragments()))) == WHOLE

    def test_the_magic_number_of_a_document_may_occur_in_the_audio(self) -> None:
        magic = bytes.fromhex("1a45dfa3") * (SECOND // 2)
        call = contact(sources={CUSTOMER_TRACK: from_pcm(magic), AGENT_TRACK: from_pcm(AGENT_PCM[: len(magic)])})
        assert pcm_of(read(media(), delivered(call.fragments()))) == stereo(magic, AGENT_PCM[: len(magic)])

    @settings(max_examples=30, deadline=None)
    @given(st.data())
    def test_it_does_not_matter_how_the_bytes_are_cut(self, data: st.DataObject) -> None:
        stream = b"".join(delivered(contact().fragments())[:3])
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
        chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert pcm_of(read(media(), chunks)) == WHOLE[: 3 * FRAGMENT * 4]


class TestIdentity:
    def test_a_fragment_of_an_unknown_session_is_held_until_its_tags_come(self) -> None:
        first, second, *_ = delivered(contact(leading_identity="never").fragments())
        reader = media()
        assert reader.feed(first[:-1_400]) == []
        assert pcm_of(reader.feed(first[-1_400:])) == WHOLE[: FRAGMENT * 4]
        assert reader.feed(second[: len(second) // 2]), "audio of a known session is given out at once"

    def test_fragments_without_tags_belong_to_their_session(self) -> None:
        call = contact(tagless=frozenset({3, 4, 7}))
        assert pcm_of(read(media(), delivered(call.fragments()))) == WHOLE

    def test_fragments_without_tags_wait_for_one_of_their_session_with_tags(self) -> None:
        call = contact(tagless=frozenset({0, 1}))
        assert pcm_of(read(media(), delivered(call.fragments()))) == WHOLE

    def test_what_is_held_is_bounded(self) -> None:
        long = counting(120 * SECOND)
        call = contact(
            sources={CUSTOMER_TRACK: from_pcm(long), AGENT_TRACK: from_pcm(long)}, tagless=frozenset(range(200))
        )
        reader = media()
        assert [piece for data in delivered(call.fragments()) for piece in reader.feed(data)] == []
        assert sum(len(block.pcm) for block in reader._held) <= 1 << 20

    @pytest.mark.parametrize("leading_identity", ["first", "never"])
    def test_the_contact_before_is_skipped_and_the_one_after_ends_the_call(self, leading_identity: str) -> None:
        before = contact(OTHER_CALL, start_ms=START_MS - 60_000, leading_identity=leading_identity)
        after = contact("third", start_ms=START_MS + 60_000, leading_identity=leading_identity)
        own = contact(leading_identity=leading_identity)
        stream = [fragment for call in (before, own, after) for fragment in call.fragments()]
        reader = media()
        assert pcm_of(read(reader, delivered(stream))) == WHOLE
        assert reader.ended is EndReason.OTHER_CONTACT
        assert reader.take_gaps() == []

    def test_held_audio_of_another_session_is_not_taken_for_the_contacts(self) -> None:
        before = contact(OTHER_CALL, start_ms=START_MS - 60_000, tagless=frozenset(range(99)))
        stream = delivered([*before.fragments(), *contact().fragments()])
        reader = media()
        assert pcm_of(read(reader, stream)) == WHOLE
        assert reader.origin_ms == START_MS

    def test_contacts_that_share_a_producer_session_are_told_apart_by_their_tags(self) -> None:
        before = contact(OTHER_CALL, start_ms=START_MS - 60_000, segment_uid=bytes(16), leading_identity="never")
        own = contact(segment_uid=bytes(16), leading_identity="never")
        assert pcm_of(read(media(), delivered([*before.fragments(), *own.fragments()]))) == WHOLE

    def test_a_reader_that_goes_on_skips_what_was_before_the_call(self) -> None:
        before = contact(OTHER_CALL, start_ms=START_MS - 9_000)
        reader = media(origin_ms=START_MS, position=0)
        assert pcm_of(read(reader, delivered([*before.fragments(), *contact().fragments()]))) == WHOLE
        assert reader.ended is None

    def test_a_reader_that_goes_on_after_the_last_fragment_ends_at_the_next_contact(self) -> None:
        after = contact(OTHER_CALL, start_ms=START_MS + 60_000)
        reader = media(origin_ms=START_MS, position=len(WHOLE) // 4)
        assert read(reader, delivered(after.fragments())) == []
        assert reader.ended is EndReason.OTHER_CONTACT

    def test_a_contact_during_a_pause_of_the_streaming_does_not_end_the_call(self) -> None:
        """Streaming that is started again may use a stream that has carried another contact meanwhile."""
        between = contact(OTHER_CALL, start_ms=START_MS + 60_000)
        again = contact(start_ms=START_MS + 70_000)
        after = contact(OTHER_CALL, start_ms=START_MS + 90_000)
        reader = media(origin_ms=START_MS, position=len(WHOLE) // 4, resumed_ms=START_MS + 9_000)
        audio = read(reader, delivered([*between.fragments(), *again.fragments()]))
        assert pcm_of(audio, 70 * SECOND) == WHOLE
        assert reader.ended is None
        read(reader, delivered(after.fragments(), first=99))
        assert reader.ended is EndReason.OTHER_CONTACT

    def test_the_stop_fragment_ends_the_call_with_its_audio(self) -> None:
        reader = media(stop_fragment=fragment_number(3))
        assert pcm_of(read(reader, delivered(contact().fragments()))) == WHOLE[: 3 * FRAGMENT * 4]
        assert reader.ended is EndReason.STOP_FRAGMENT

    def test_the_stop_fragment_may_become_known_when_it_has_passed(self) -> None:
        reader = media()
        reader.feed(b"".join(delivered(contact().fragments())))
        reader.stop_fragment = fragment_number(99)
        assert reader.ended is None
        reader.stop_fragment = fragment_number(8)
        assert reader.ended is EndReason.STOP_FRAGMENT

    def test_the_stop_fragment_may_become_known_in_a_later_session(self) -> None:
        reader = media()
        reader.feed(b"".join(delivered(contact().fragments())))
        reader.begin_session()
        reader.stop_fragment = fragment_number(8)
        assert reader.ended is EndReason.STOP_FRAGMENT

    def test_a_stop_behind_which_audio_came_already_is_no_end(self) -> None:
        """Streaming was stopped and started again, and the news of it came late."""
        reader = media()
        fragments = delivered(contact().fragments())
        heard = read(reader, fragments[:5])
        reader.stop_fragment = fragment_number(3)
        assert reader.ended is None
        assert pcm_of([*heard, *read(reader, fragments[5:])]) == WHOLE
        assert reader.ended is None

    def test_a_fragment_beyond_the_stop_fragment_is_not_heard(self) -> None:
        reader = media(stop_fragment=fragment_number(3))
        fragments = delivered(contact().fragments())
        assert pcm_of(read(reader, [*fragments[:2], *fragments[3:]])) == WHOLE[: 2 * FRAGMENT * 4]
        assert reader.ended is EndReason.STOP_FRAGMENT


class TestAudioThatCannotBeTranscribed:
    @pytest.mark.parametrize("mime_type", ["audio/L16;rate=16000;channels=1;", "audio/aac", "audio/L16;channels=2"])
    def test_the_tags_say_so(self, mime_type: str) -> None:
        with pytest.raises(UnsupportedAudio) as refusal:
            read(media(), delivered(contact(mime_type=mime_type).fragments()))
        assert refusal.value.code == "media-type"

    @pytest.mark.parametrize("mime_type", ["audio/L16", "audio/l16; rate=8000; channels=1", "audio/L16;rate=8000;"])
    def test_other_spellings_of_what_is_supported_pass(self, mime_type: str) -> None:
        assert pcm_of(read(media(), delivered(contact(mime_type=mime_type).fragments()))) == WHOLE

    def test_another_contacts_audio_may_be_anything(self) -> None:
        before = contact(OTHER_CALL, start_ms=START_MS - 60_000, mime_type="audio/aac")
        assert pcm_of(read(media(), delivered([*before.fragments(), *contact().fragments()]))) == WHOLE

    def test_times_that_waver_do_not(self) -> None:
        fragments = [
            replace(
                fragment,
                blocks=[
                    replace(block, ms=block.ms + (40, 0, -40)[at // 2 % 3]) for at, block in enumerate(fragment.blocks)
                ],
            )
            for fragment in contact().fragments()
        ]
        reader = media()
        read(reader, delivered(fragments))
        assert reader.position >= 8 * SECOND

    @pytest.mark.parametrize("factor", [0.5, 2])
    def test_the_times_say_so(self, factor: float) -> None:
        call = contact(block_ms=32 if factor == 2 else 128, sources={CUSTOMER_TRACK: from_pcm(CUSTOMER_PCM)})
        stretched = []
        for index, fragment in enumerate(call.fragments()):
            start = START_MS + index * 1_024
            blocks = [replace(block, ms=start + number * 64) for number, block in enumerate(fragment.blocks)]
            stretched.append(replace(fragment, start_ms=start, blocks=blocks))
        with pytest.raises(UnsupportedAudio) as refusal:
            read(media(), delivered(stretched))
        assert refusal.value.code == "byte-rate"


class TestErrors:
    def test_an_error_document_is_reported_and_gone_with_the_next_session(self) -> None:
        reader = media()
        first = delivered(contact().fragments())[0]
        reader.feed(first + error_document("FRAGMENT_NOT_FOUND", "3000"))
        assert reader.error == StreamError("FRAGMENT_NOT_FOUND", "3000")
        assert reader.ended is None
        reader.begin_session()
        assert reader.error is None

    def test_what_was_read_before_the_damage_is_kept(self) -> None:
        reader = media()
        stream = b"".join(delivered(contact().fragments())[:2])
        with pytest.raises(MatroskaError):
            reader.feed(stream + b"\0" * 16)
        reader.begin_session()
        assert pcm_of(reader.feed(b"")) == WHOLE[: 2 * FRAGMENT * 4]

    def test_a_time_days_away_is_damage(self) -> None:
        reader = media()
        reader.feed(delivered(contact().fragments())[0])
        with pytest.raises(MatroskaError):
            reader.feed(delivered(contact(start_ms=START_MS + 9 * 86_400_000).fragments())[0])


class TestHoles:
    def test_a_lost_fragment_is_silence_and_a_gap(self) -> None:
        fragments = list(contact().fragments())
        expected = WHOLE[: 3 * FRAGMENT * 4] + bytes(FRAGMENT * 4) + WHOLE[4 * FRAGMENT * 4 :]
        reader = media()
        assert pcm_of(read(reader, delivered(fragments[:3] + fragments[4:]))) == expected
        assert reader.take_gaps() == [Gap(start=3 * FRAGMENT, end=4 * FRAGMENT, reason=GapReason.MISSING)]
        assert reader.take_gaps() == []

    def test_a_short_block_of_both_tracks_is_no_gap(self) -> None:
        reader = media()
        read(reader, delivered(contact(odd_blocks={(t, 9): 192 for t in (CUSTOMER_TRACK, AGENT_TRACK)}).fragments()))
        assert reader.take_gaps() == []

    def test_a_long_pause_is_jumped_over(self) -> None:
        later = contact(start_ms=START_MS + 60_000)
        reader = media()
        audio = read(reader, delivered([*contact().fragments(), *later.fragments()]))
        jump = next(index for index in range(1, len(audio)) if audio[index].start != audio[index - 1].end)
        assert pcm_of(audio[:jump]) == WHOLE
        assert pcm_of(audio[jump:], start=60 * SECOND) == WHOLE
        assert reader.take_gaps() == [Gap(start=8 * SECOND, end=60 * SECOND, reason=GapReason.MISSING)]


class TestGoingOn:
    def test_fragments_sent_again_are_heard_once(self) -> None:
        fragments = delivered(contact().fragments())
        again = [*fragments[:5], *fragments[2:6], fragments[5], *fragments[4:]]
        reader = media()
        assert pcm_of(read(reader, again)) == WHOLE
        assert reader.take_gaps() == []

    def test_a_single_fragment_sent_again_is_no_gap(self) -> None:
        fragments = delivered(contact().fragments())
        reader = media()
        assert pcm_of(read(reader, [*fragments[:5], fragments[1], *fragments[5:]])) == WHOLE
        assert reader.take_gaps() == []

    def test_the_continuation_token_is_that_of_the_last_complete_fragment(self) -> None:
        fragments = delivered(contact().fragments())
        reader = media()
        reader.feed(fragments[0] + fragments[1] + fragments[2][:-1])
        assert reader.continuation_token == fragment_number(2)

    def test_a_fragment_that_is_still_held_will_be_asked_for_again(self) -> None:
        first, second, *_ = delivered(contact(tagless=frozenset({1}), segment_uid=bytes(16)).fragments())
        reader = media()
        reader.feed(first)
        reader.feed(second.replace(bytes(16), bytes(15) + b"\1", 1))
        assert reader.continuation_token == fragment_number(1)

    def test_the_service_says_how_far_behind_it_is(self) -> None:
        reader = media()
        reader.feed(next(contact().fragments()).write(number="1", behind_ms=4_711))
        assert reader.behind_now_ms == 4_711

    @settings(max_examples=40, deadline=None)
    @given(
        cuts=st.lists(st.integers(1, 300_000), min_size=1, max_size=6),
        inclusive=st.booleans(),
        odd=st.dictionaries(
            st.tuples(st.sampled_from([CUSTOMER_TRACK, AGENT_TRACK]), st.integers(0, 120)), st.integers(1, 1_024)
        ),
        late=st.integers(0, 3 * SECOND // 512).map(lambda blocks: blocks * 512),
        lost=st.sets(st.integers(1, 6), max_size=2),
    )
    def test_sessions_cut_anywhere_sound_like_one(
        self, cuts: list[int], inclusive: bool, odd: dict[tuple[str, int], int], late: int, lost: set[int]
    ) -> None:
        call = contact(odd_blocks=odd, starts={AGENT_TRACK: late})
        stream = [data for index, data in enumerate(delivered(call.fragments())) if index not in lost]
        numbers = [fragment_number(index + 1) for index in range(8) if index not in lost]
        uncut = pcm_of(read(media(), stream))
        reader, audio = media(), []
        for cut in [*cuts, 1 << 30]:
            reader.begin_session()
            first = 0
            if reader.continuation_token is not None:
                first = numbers.index(reader.continuation_token) + (0 if inclusive else 1)
            audio += reader.feed(b"".join(stream[first:])[:cut])
        assert pcm_of(audio + reader.flush()) == uncut

    @settings(max_examples=40, deadline=None)
    @given(
        cut=st.integers(0, 300_000),
        behind=st.integers(0, 4 * SECOND),
        inclusive=st.booleans(),
        odd=st.dictionaries(
            st.tuples(st.sampled_from([CUSTOMER_TRACK, AGENT_TRACK]), st.integers(0, 120)), st.integers(1, 1_024)
        ),
        late=st.integers(0, 3 * SECOND // 512).map(lambda blocks: blocks * 512),
    )
    def test_another_reader_goes_on_at_any_position(
        self, cut: int, behind: int, inclusive: bool, odd: dict[tuple[str, int], int], late: int
    ) -> None:
        call = contact(odd_blocks=odd, starts={AGENT_TRACK: late})
        stream = delivered(call.fragments())
        uncut = pcm_of(read(media(), stream))
        first = media()
        first.feed(b"".join(stream)[:cut])
        position = max(0, first.position - behind)
        token = first.resume_token(position)
        start = 0
        if token is not None:
            start = [fragment_number(index + 1) for index in range(len(stream))].index(token) + (not inclusive)
        second = media(origin_ms=first.origin_ms, position=position)
        assert pcm_of(read(second, stream[start:]), start=position) == uncut[position * 4 :]

    def test_a_reader_that_has_seen_nothing_has_no_token(self) -> None:
        assert media().resume_token(0) is None
