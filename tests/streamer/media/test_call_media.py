from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscribe.live.call import EndReason, Gap, GapReason
from operations.verification.fragments import (
    AGENT_TRACK,
    BLOCK_MS,
    CUSTOMER_TRACK,
    LEGACY_CUSTOMER_TRACK,
    Fragment,
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

WHOLE = stereo(CUSTOMER_PCM, AGENT_PCM)
FRAGMENT = 16 * BLOCK_MS * 8
"""Samples of a whole fragment."""


def element_places(fragment: bytes) -> list[int]:
    """Where the Cluster of a fragment and each of its blocks begin."""
    block = bytes.fromhex("a30100000000000404")
    places = [fragment.index(bytes.fromhex("1f43b675"))]
    while (at := fragment.find(block, places[-1] + 1)) >= 0:
        places.append(at)
    return places


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

    def test_tracks_may_come_one_after_the_other_within_a_fragment(self) -> None:
        fragments = [
            replace(fragment, blocks=sorted(fragment.blocks, key=lambda block: block.track))
            for fragment in contact().fragments()
        ]
        reader = media()
        assert pcm_of(read(reader, delivered(fragments))) == WHOLE
        assert reader.take_gaps() == []

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
        assert reader._held_bytes <= 1 << 20
        assert len(reader._held) <= 1 << 12

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

    @pytest.mark.parametrize("pause_ms", [0, 40, 700, 60_000])
    def test_a_contact_that_goes_on_in_the_session_of_this_one_is_cut_off_by_its_tags(self, pause_ms: int) -> None:
        after = contact(
            OTHER_CALL,
            start_ms=START_MS + 8_000 + pause_ms,
            segment_uid=contact().segment_uid,
            leading_identity="never",
        )
        reader = media()
        assert pcm_of(read(reader, delivered([*contact().fragments(), *after.fragments()]))) == WHOLE
        assert reader.ended is EndReason.OTHER_CONTACT
        assert reader.take_gaps() == []

    @pytest.mark.parametrize("pause_ms", [500, 60_000])
    def test_such_a_contact_is_not_heard_before_its_tags_come_either(self, pause_ms: int) -> None:
        """It cannot begin in the very moment in which this one ends."""
        after = contact(
            OTHER_CALL,
            start_ms=START_MS + 8_000 + pause_ms,
            segment_uid=contact().segment_uid,
            leading_identity="never",
        )
        stream = b"".join(delivered([*contact().fragments(), *after.fragments()]))
        reader = media()
        assert pcm_of(read(reader, [stream[at : at + 500] for at in range(0, len(stream), 500)])) == WHOLE
        assert reader.ended is EndReason.OTHER_CONTACT

    def test_once_the_contact_is_over_all_audio_waits_for_its_tags(self) -> None:
        after = contact(
            OTHER_CALL, start_ms=START_MS + 8_000, segment_uid=contact().segment_uid, leading_identity="never"
        )
        stream = b"".join(delivered([*contact().fragments(), *after.fragments()]))
        reader, audio = media(), []
        for at in range(0, len(stream), 500):
            reader.over = at > 150_000
            audio += reader.feed(stream[at : at + 500])
        assert pcm_of(audio + reader.flush()) == WHOLE

    def test_audio_behind_a_hole_is_held_until_its_tags_come(self) -> None:
        fragments = list(contact().fragments())
        *_, third, fifth = delivered([*fragments[:3], fragments[4]])
        reader = media()
        for data in delivered(fragments[:2]):
            reader.feed(data)
        assert len(reader.feed(third[: len(third) // 2])) == 1
        reader.feed(third[len(third) // 2 :])
        assert reader.feed(fifth[: len(fifth) // 2]) == []
        assert reader.feed(fifth[len(fifth) // 2 :])

    def test_a_session_that_nobody_claims_is_a_gap_at_the_end(self) -> None:
        *fragments, last, after = contact().fragments()
        tail = [replace(fragment, segment_uid=b"another session!", tags={}) for fragment in (last, after)]
        reader = media()
        assert pcm_of(read(reader, delivered([*fragments, *tail]))) == WHOLE[: 6 * FRAGMENT * 4]
        assert reader.take_gaps() == [
            Gap(start=6 * FRAGMENT, end=8 * SECOND, reason=GapReason.UNIDENTIFIED),
        ]

    def test_a_session_whose_first_fragment_has_not_come_whole_is_none(self) -> None:
        reader = media()
        stream = delivered([*contact().fragments(), *contact("third", leading_identity="never").fragments()])
        assert pcm_of(read(reader, [*stream[:8], stream[8][:20_000]])) == WHOLE
        assert reader.take_gaps() == []

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


class TestFirstFragment:
    def test_it_is_the_one_with_the_contact_s_first_audio(self) -> None:
        others = list(contact(OTHER_CALL, start_ms=START_MS - 60_000).fragments())
        call = media()
        assert call.first_fragment == ""
        read(call, delivered([*others, *contact().fragments()]))
        assert call.first_fragment == fragment_number(len(others) + 1)

    def test_audio_that_waited_for_its_identity_came_in_the_first_one(self) -> None:
        call = media()
        read(call, delivered(contact(leading_identity="never", tagless=frozenset({0, 1})).fragments()))
        assert call.first_fragment == fragment_number(1)

    def test_a_reader_that_goes_on_has_not_seen_it(self) -> None:
        call = media(origin_ms=START_MS, position=SECOND)
        read(call, delivered(contact().fragments()))
        assert call.first_fragment == ""


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

    @pytest.mark.parametrize("kept", [0.5, 0.2])
    @pytest.mark.parametrize("cut", [False, True])
    def test_a_bad_line_is_a_gap_and_no_other_rate(self, kept: float, cut: bool) -> None:
        """Blocks that are lost, or cut short, for three seconds in the middle of a call."""

        def worse(fragment: Fragment) -> Fragment:
            blocks = []
            for block in fragment.blocks:
                number = (block.ms - START_MS) // BLOCK_MS
                if not 48 <= number < 96:
                    blocks.append(block)
                elif cut:
                    blocks.append(replace(block, pcm=block.pcm[: round(512 * kept) * 2]))
                elif number % round(1 / kept) == 0:
                    blocks.append(block)
            return replace(fragment, blocks=blocks)

        reader = media()
        heard = pcm_of(read(reader, delivered(map(worse, contact().fragments()))))
        assert heard[: 48 * 512 * 4] == WHOLE[: 48 * 512 * 4]
        assert heard[96 * 512 * 4 :] == WHOLE[96 * 512 * 4 :]
        (gap,) = reader.take_gaps()
        assert (gap.reason, gap.channel) == (GapReason.MISSING, None)
        assert 48 * 512 <= gap.start <= 50 * 512
        assert 94 * 512 <= gap.end <= 96 * 512

    def test_holes_at_the_beginning_of_a_reader_that_goes_on_are_no_other_rate(self) -> None:
        fragments = [
            replace(fragment, blocks=[*fragment.blocks[::4], *fragment.blocks[1::4]])
            for fragment in contact().fragments()
        ]
        reader = media(origin_ms=START_MS - 60_000, position=59 * SECOND)
        read(reader, delivered(fragments))
        assert reader.position > 66 * SECOND

    def test_too_much_audio_is_another_rate_whenever_it_comes(self) -> None:
        pcm = counting(60 * SECOND)
        call = contact(sources={CUSTOMER_TRACK: from_pcm(pcm)})
        fragments = []
        for index, fragment in enumerate(call.fragments()):
            half_ms = START_MS + 20 * 1_024
            blocks = [
                replace(block, ms=block.ms if index < 20 else half_ms + (block.ms - half_ms) // 2)
                for block in fragment.blocks
            ]
            fragments.append(replace(fragment, start_ms=blocks[0].ms, blocks=blocks))
        reader = media()
        with pytest.raises(UnsupportedAudio) as refusal:
            read(reader, delivered(fragments))
        assert refusal.value.code == "byte-rate"

    def test_what_came_before_is_given_out_all_the_same(self) -> None:
        fragments = list(contact().fragments())
        fragments[4] = replace(fragments[4], leading_tags={**fragments[4].tags, "MimeType": "audio/opus"})
        reader = media()
        with pytest.raises(UnsupportedAudio):
            reader.feed(b"".join(delivered(fragments)))
        assert pcm_of(reader.take()) == WHOLE[: 4 * FRAGMENT * 4]


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

    @pytest.mark.parametrize("name", ["CODE", "ID"])
    def test_either_tag_makes_an_error(self, name: str) -> None:
        reader = media()
        fragment = next(contact().fragments())
        reader.feed(replace(fragment, blocks=[], tags={f"AWS_KINESISVIDEO_ERROR_{name}": "4500"}).write(number="1"))
        assert reader.error in (StreamError("4500", ""), StreamError("", "4500"))


class TestDamage:
    """A fragment that stays in the stream as it is, and cannot be read."""

    place = element_places(delivered(contact().fragments())[3])[1]

    @staticmethod
    def damaged(fragments: list[bytes], index: int, at: int) -> list[bytes]:
        data = bytearray(fragments[index])
        data[at] = 0
        return [*fragments[:index], bytes(data), *fragments[index + 1 :]]

    def test_it_is_read_on_behind_it_where_that_is_wanted(self) -> None:
        fragments = delivered(contact().fragments())
        head, *blocks = element_places(fragments[3])
        for at in (0, head, blocks[0], blocks[7], blocks[-1]):
            stream = self.damaged(fragments, 3, at)
            with pytest.raises(MatroskaError):
                media().feed(b"".join(stream))
            reader = media()
            reader.begin_session(read_on=True)
            heard = pcm_of(read(reader, stream))
            (gap,) = reader.take_gaps()
            assert gap.reason is GapReason.UNREADABLE
            assert gap.end == 4 * FRAGMENT
            assert gap.channel == (0 if at == blocks[-1] else None)
            assert 3 * FRAGMENT <= gap.start < 4 * FRAGMENT
            assert heard[: gap.start * 4] == WHOLE[: gap.start * 4]
            assert heard[4 * FRAGMENT * 4 :] == WHOLE[4 * FRAGMENT * 4 :]

    def test_a_head_that_is_taken_for_something_unknown_costs_nothing(self) -> None:
        fragments = self.damaged(delivered(contact().fragments()), 3, 2)
        reader = media()
        audio = reader.feed(b"".join(fragments)[: sum(len(data) for data in fragments[:4]) - 9_000])
        assert reader.continuation_token == fragment_number(3)
        reader.begin_session(read_on=True)
        audio += read(reader, fragments[2:])
        assert pcm_of(audio) == WHOLE

    @pytest.mark.parametrize("step", [53, 1_460, 1 << 20])
    def test_an_element_that_hides_the_next_fragments_does_not(self, step: int) -> None:
        """Its size says that it is longer than it is."""
        fragments = delivered(contact().fragments())
        at = fragments[3].index(bytes.fromhex("a30100000000000404"))
        data = bytearray(fragments[3])
        data[at + 6 : at + 9] = b"\x07\xff\xff"
        stream = b"".join([*fragments[:3], bytes(data), *fragments[4:]])
        reader = media()
        reader.begin_session(read_on=True)
        heard = pcm_of(read(reader, [stream[start : start + step] for start in range(0, len(stream), step)]))
        assert heard[: 3 * FRAGMENT * 4] == WHOLE[: 3 * FRAGMENT * 4]
        assert heard[4 * FRAGMENT * 4 :] == WHOLE[4 * FRAGMENT * 4 :]
        assert reader.take_gaps() == [Gap(start=3 * FRAGMENT, end=4 * FRAGMENT, reason=GapReason.UNREADABLE)]

    def test_the_token_stays_in_front_of_it_until_one_behind_it_was_read(self) -> None:
        stream = self.damaged(delivered(contact().fragments()), 3, self.place)
        reader = media()
        reader.begin_session(read_on=True)
        reader.feed(b"".join(stream[:4]))
        assert reader.continuation_token == fragment_number(3)
        reader.feed(stream[4])
        assert reader.continuation_token == fragment_number(5)

    def test_as_the_last_one_it_is_a_gap_of_about_its_length(self) -> None:
        stream = self.damaged(delivered(contact().fragments())[:4], 3, self.place)
        reader = media()
        for _ in range(3):
            reader.begin_session(read_on=True)
            audio = reader.feed(b"".join(stream))
        audio += reader.flush()
        (gap,) = reader.take_gaps()
        assert gap.reason is GapReason.UNREADABLE
        assert gap.start == 3 * FRAGMENT
        assert gap.end == pytest.approx(4 * FRAGMENT, rel=0.02)

    def test_another_contacts_is_no_gap(self) -> None:
        before = delivered(contact(OTHER_CALL, start_ms=START_MS - 60_000).fragments())
        after = delivered(contact("third", start_ms=START_MS + 60_000, leading_identity="always").fragments(), first=99)
        reader = media()
        reader.begin_session(read_on=True)
        stream = [
            *self.damaged(before, 2, 2_000),
            *delivered(contact().fragments(), first=50),
            *self.damaged(after, 0, 3_000),
        ]
        assert pcm_of(read(reader, stream)) == WHOLE
        assert reader.take_gaps() == []
        assert reader.ended is EndReason.OTHER_CONTACT

    @settings(max_examples=60, deadline=None)
    @given(
        index=st.integers(1, 5),
        at=st.integers(0, 34_000),
        damage=st.binary(min_size=1, max_size=60),
        step=st.sampled_from([700, 16_384, 1 << 20]),
    )
    def test_whatever_it_is_the_fragments_around_it_are_heard(
        self, index: int, at: int, damage: bytes, step: int
    ) -> None:
        fragments = delivered(contact().fragments())
        data = bytearray(fragments[index])
        data[at % len(data) : at % len(data) + len(damage)] = damage
        stream = b"".join([*fragments[:index], bytes(data), *fragments[index + 1 :]])
        reader = media()
        reader.begin_session(read_on=True)
        try:
            audio = read(reader, [stream[start : start + step] for start in range(0, len(stream), step)])
        except UnsupportedAudio:
            return  # a tag that says so
        if reader.ended is not None:
            return  # a tag that names another contact
        heard = b"".join(piece.pcm for piece in audio)
        assert heard[: index * FRAGMENT * 4] == WHOLE[: index * FRAGMENT * 4]
        # Bytes that were changed may also be a time.
        assert heard.endswith(WHOLE[(index + 2) * FRAGMENT * 4 :])


class TestClocks:
    def stepped(self, ms: int, *, at: int = 3, told: bool = True) -> list[bytes]:
        fragments = [
            replace(
                fragment,
                start_ms=fragment.start_ms + ms,
                blocks=[replace(block, ms=block.ms + ms) for block in fragment.blocks],
                segment_uid=b"another session!",
                leading_tags=fragment.tags if told and index == at else {},
            )
            if index >= at
            else fragment
            for index, fragment in enumerate(contact().fragments())
        ]
        return delivered(fragments)

    @pytest.mark.parametrize("told", [True, False])
    @pytest.mark.parametrize("ms", [-300, -3_000, -3_600_000, -86_400_000 * 20, 86_400_000 * 20])
    def test_a_new_sessions_clock_may_show_anything(self, ms: int, told: bool) -> None:
        reader = media()
        assert pcm_of(read(reader, self.stepped(ms, told=told))) == WHOLE
        assert reader.take_gaps() == []
        (step,) = reader.clock_steps
        assert (step.fragment, step.position) == (fragment_number(4), 3 * FRAGMENT)
        assert step.milliseconds == pytest.approx(-ms, abs=1)

    def test_the_next_contact_still_ends_the_call(self) -> None:
        after = contact(OTHER_CALL, start_ms=START_MS - 40_000)
        reader = media()
        assert pcm_of(read(reader, [*self.stepped(-60_000), *delivered(after.fragments(), first=99)])) == WHOLE
        assert reader.ended is EndReason.OTHER_CONTACT

    def test_a_repetition_after_a_step_is_still_one(self) -> None:
        fragments = self.stepped(-3_000)
        reader = media()
        assert pcm_of(read(reader, [*fragments[:6], *fragments[1:5], *fragments[6:]])) == WHOLE
        assert reader.take_gaps() == []

    def test_another_reader_finds_the_same_step_at_the_same_place(self) -> None:
        fragments = self.stepped(-3_000)
        first = media()
        first.feed(b"".join(fragments[:3]))
        point = first.resume_point(first.position)
        assert point is not None
        assert (point.token, point.fragment) == (fragment_number(3), fragment_number(3))
        second = media(origin_ms=START_MS, position=first.position, resume=point)
        assert pcm_of(read(second, fragments[2:]), start=3 * FRAGMENT) == WHOLE[3 * FRAGMENT * 4 :]
        assert [step.milliseconds for step in second.clock_steps] == [3_000]

    @pytest.mark.parametrize("over", [True, False])
    def test_another_reader_knows_the_session_whose_fragments_have_no_tags_any_more(self, over: bool) -> None:
        fragments = delivered(contact(tagless=frozenset(range(3, 99)), leading_identity="never").fragments())
        first = media()
        first.feed(b"".join(fragments[:3]))
        point = first.resume_point(first.position)
        second = media(origin_ms=START_MS, position=first.position, resume=point)
        second.over = over
        assert pcm_of(read(second, fragments[3:]), start=3 * FRAGMENT) == WHOLE[3 * FRAGMENT * 4 :]
        assert second.take_gaps() == []

    def test_to_another_reader_a_session_without_tags_that_is_not_the_contacts_is_still_unidentified(self) -> None:
        whole = contact(tagless=frozenset(range(3, 99)), leading_identity="never")
        others = [
            replace(fragment, segment_uid=b"another session!") if index >= 3 else fragment
            for index, fragment in enumerate(whole.fragments())
        ]
        fragments = delivered(others)
        first = media()
        first.feed(b"".join(fragments[:3]))
        second = media(origin_ms=START_MS, position=first.position, resume=first.resume_point(first.position))
        assert read(second, fragments[3:]) == []
        assert {gap.reason for gap in second.take_gaps()} == {GapReason.UNIDENTIFIED}

    def test_another_reader_that_reads_from_a_time_passes_over_what_was_heard(self) -> None:
        fragments = self.stepped(-3_000)
        first = media()
        first.feed(b"".join(fragments[:5]))
        second = media(
            origin_ms=START_MS,
            position=first.position,
            resume=first.resume_point(first.position),
            clock_steps=first.clock_steps,
        )
        assert second.time_of(first.position) == START_MS + 5 * 1_024 - 3_000
        assert pcm_of(read(second, fragments[1:]), start=5 * FRAGMENT) == WHOLE[5 * FRAGMENT * 4 :]
        assert second.clock_steps == first.clock_steps

    def test_a_fragment_without_a_number_is_placed_by_its_times(self) -> None:
        fragments = [fragment.write(number="?") for fragment in contact().fragments()]
        reader = media()
        assert pcm_of(read(reader, [*fragments[:5], *fragments[2:]])) == WHOLE
        assert (reader.take_gaps(), reader.clock_steps) == ([], ())


class TestAnotherStream:
    def test_numbers_of_one_stream_say_nothing_about_those_of_another(self) -> None:
        fragments = list(contact().fragments())
        reader = media(stream="one")
        audio = reader.feed(b"".join(delivered(fragments[:4], first=1_000)))
        reader.stop_fragment = fragment_number(2_000)
        reader.begin_stream("two", resumed_ms=START_MS + 4_096)
        assert reader.continuation_token is None
        before = contact(OTHER_CALL, start_ms=START_MS)
        audio += read(reader, delivered([*before.fragments(), *fragments[4:]]))
        assert pcm_of(audio) == WHOLE
        assert (reader.ended, reader.take_gaps()) == (None, [])

    def test_another_reader_may_go_on_in_either(self) -> None:
        fragments = list(contact().fragments())
        one, two = delivered(fragments[:4], first=1_000), delivered(fragments[4:])
        first = media(stream="one")
        first.feed(b"".join(one))
        first.begin_stream("two", resumed_ms=START_MS + 4_096)
        first.feed(b"".join(two[:2]))
        for position, stream, rest in ((3 * FRAGMENT, "one", [*one[3:], *two]), (5 * FRAGMENT, "two", two[1:])):
            point = first.resume_point(position)
            assert point is not None
            assert point.stream == stream
            second = media(origin_ms=START_MS, position=position, resume=point, stream=stream)
            audio = []
            for data in rest:
                if data is two[0]:
                    second.begin_stream("two", resumed_ms=START_MS + 4_096)
                audio += second.feed(data)
            assert pcm_of(audio + second.flush(), start=position) == WHOLE[position * 4 :]

    def test_what_was_read_of_a_stream_stays_known(self) -> None:
        fragments = delivered(contact().fragments())
        reader = media(stream="one")
        audio = reader.feed(b"".join(fragments[:4]))
        reader.begin_stream("two", resumed_ms=None)
        reader.begin_stream("one", resumed_ms=None)
        assert pcm_of([*audio, *read(reader, fragments[2:])]) == WHOLE
        assert reader.clock_steps == ()


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
