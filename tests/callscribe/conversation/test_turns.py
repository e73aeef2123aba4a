"""Words become turns by who says them and when, never by where the speech service cut."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.conversation.floor import LONGEST_PAUSE_SECONDS, MOST_WORDS
from callscribe.conversation.turns import Turn, speakers_heard, turns_heard, turns_stored
from callscribe.conversation.utterances import Utterance
from callscribe.recognition import RecognisedUtterance, Recognition, Sentiment, Word
from tests.callscribe.replies import AGENT, APPOINTMENT, BILLING, CUSTOMER, URGENT, mono, stereo, talk, transcript_of


def words(text: str, start: float, *, voice: int | None = None, step: float = 0.3, length: float = 0.25) -> list[Word]:
    """Words that follow each other, `step` seconds apart."""
    return [
        Word(
            text=word, start=round(start + index * step, 3), end=round(start + index * step + length, 3), speaker=voice
        )
        for index, word in enumerate(text.split())
    ]


def utterance(channel: int, said: Sequence[Word], *, mood: float | None = None) -> RecognisedUtterance:
    return RecognisedUtterance(
        channel=channel,
        speaker=said[0].speaker,
        text=" ".join(word.text for word in said),
        start=said[0].start,
        end=said[-1].end,
        words=tuple(said),
        sentiment=None if mood is None else Sentiment.of(mood),
    )


def turns_of(*utterances: RecognisedUtterance, channels: int = 2) -> list[Turn]:
    in_order = tuple(sorted(utterances, key=lambda said: (said.start, said.end, said.channel)))
    recognition = Recognition(duration_seconds=None, channel_count=channels, utterances=in_order)
    return turns_heard(in_order, speakers_heard(recognition))


def said_by(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    return [(turn.speaker.removeprefix("channel-").removeprefix("speaker-"), turn.text) for turn in turns]


def test_breaths_of_one_speaker_are_one_turn() -> None:
    turns = turns_of(
        utterance(0, words("I do not want", 1.0)),
        utterance(0, words("to come on Friday.", 3.2)),
        utterance(1, words("When would you like to come?", 5.5)),
    )
    assert said_by(turns) == [("0", "I do not want to come on Friday."), ("1", "When would you like to come?")]
    assert (turns[0].start, turns[0].end, turns[0].word_count, turns[0].utterances) == (1.0, 4.35, 8, (0, 1))


def test_a_long_pause_ends_a_turn() -> None:
    pause = 0.25 + LONGEST_PAUSE_SECONDS
    together = turns_of(utterance(0, words("Wait.", 1.0)), utterance(0, words("Here.", 1.0 + pause)))
    apart = turns_of(utterance(0, words("Wait.", 1.0)), utterance(0, words("Here.", 1.1 + pause)))
    assert (len(together), len(apart)) == (1, 2)


def test_an_utterance_is_cut_where_the_voice_of_its_words_changes() -> None:
    mixed = [
        *words("Shall we move your visit?", 1.0, voice=0),
        *words("No, leave it.", 2.6, voice=1),
        *words("Fine.", 3.6, voice=0),
    ]
    turns = turns_of(utterance(0, mixed), channels=1)
    assert said_by(turns) == [("0", "Shall we move your visit?"), ("1", "No, leave it."), ("0", "Fine.")]
    assert [tuple((piece.first, piece.after) for piece in turn.pieces) for turn in turns] == [
        ((0, 5),),
        ((5, 8),),
        ((8, 9),),
    ]


def test_a_word_without_a_voice_goes_with_the_word_before_it() -> None:
    mixed = [*words("Are you coming", 1.0, voice=0), *words("today?", 1.9), *words("Yes I am.", 2.2, voice=1)]
    assert said_by(turns_of(utterance(0, mixed), channels=1)) == [("0", "Are you coming today?"), ("1", "Yes I am.")]


@pytest.mark.parametrize("listening", ["Mhm.", "Uh-huh.", "Okay.", "I see."])
def test_a_turn_goes_on_over_what_a_listener_says(listening: str) -> None:
    turns = turns_of(
        utterance(0, words("It began when we were", 1.0)),
        utterance(1, words(listening, 2.6)),
        utterance(0, words("out in the garden.", 3.5)),
    )
    assert said_by(turns) == [("0", "It began when we were out in the garden."), ("1", listening)]
    assert [turn.backchannel for turn in turns] == [False, True]
    assert turns[0].start < turns[1].start < turns[0].end


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("before", "answer"),
    [
        ("Would nine o'clock suit you?", "Okay."),
        ("do you still wear glasses", "mhm"),
        ("We could see you on Tuesday.", "Yes."),
        ("It began when we were", "In the garden?"),
    ],
)
def test_an_answer_takes_the_floor(channels: int, before: str, answer: str) -> None:
    reply = words(answer, 3.0, voice=1)
    behind = words("and then we", reply[-1].end + 0.2, voice=0)
    turns = turns_of(
        utterance(0, words(before, 2.9 - 0.3 * len(before.split()), voice=0)),
        utterance(channels - 1, reply),
        utterance(0, behind),
        channels=channels,
    )
    assert [turn.text for turn in turns] == [before, answer, "and then we"]


def test_an_answer_in_a_pause_too_short_to_end_an_utterance_takes_the_floor() -> None:
    one_breath = [*words("Is it the left one?", 1.0), *words("All right, and since when?", 3.2)]
    turns = turns_of(utterance(1, one_breath), utterance(0, words("No.", 2.7)))
    assert said_by(turns) == [("1", "Is it the left one?"), ("0", "No."), ("1", "All right, and since when?")]


def test_speakers_who_talk_at_the_same_time_keep_their_turns() -> None:
    turns = turns_of(
        utterance(0, words("I have told you people about this bill three times now", 1.0)),
        utterance(1, words("Please let me look at the account first", 1.6)),
    )
    assert [turn.speaker for turn in turns] == ["channel-0", "channel-1"]
    assert turns[1].start < turns[0].end


def test_voices_on_one_of_several_channels_are_told_apart() -> None:
    turns = turns_of(
        utterance(1, words("How old is she?", 1.0, voice=0)),
        utterance(0, [*words("She is nine.", 2.5, voice=0), *words("Nearly ten!", 3.6, voice=1)]),
    )
    assert [turn.speaker for turn in turns] == ["channel-1", "channel-0-speaker-0", "channel-0-speaker-1"]


def test_an_utterance_whose_words_are_not_known_is_one_piece() -> None:
    bare = RecognisedUtterance(channel=0, text="I lost my drops.", start=1.0, end=2.0, confidence=0.8)
    (turn,) = turns_of(bare)
    assert (turn.text, turn.words, turn.confidence, turn.word_count) == ("I lost my drops.", None, 0.8, 4)
    assert turn.times(1, 2) == (1.0, 2.0)


def test_a_text_that_says_more_than_its_words_is_kept_whole() -> None:
    fuller = RecognisedUtterance(
        channel=0, text="I lost my drops.", start=1.0, end=2.2, words=tuple(words("I lost", 1.0))
    )
    assert [turn.text for turn in turns_of(fuller)] == ["I lost my drops."]


def test_a_turn_knows_when_its_words_were_said() -> None:
    (turn,) = turns_of(utterance(0, words("I lost my drops.", 1.0)))
    assert turn.times(1, 3) == (1.3, 1.85)
    assert turn.times(9, 9) == (turn.start, turn.end)


def test_nobody_talks_without_end_in_one_turn() -> None:
    endless = words("and then " * (2 * MOST_WORDS), 0.0, step=0.2, length=0.1)
    turns = turns_of(utterance(0, endless), channels=1)
    assert sum(turn.word_count for turn in turns) == len(endless)
    assert max(turn.word_count for turn in turns) <= MOST_WORDS + 100


def test_the_mood_of_a_turn_is_the_mean_of_its_words() -> None:
    reply = stereo(talk((CUSTOMER, "Everything hurts today.", -0.9), (CUSTOMER, "Sorry.", 0.3), (AGENT, "I see.")))
    turns = transcript_of(reply).turns_spoken()
    assert [None if turn.sentiment is None else turn.sentiment.score for turn in turns] == [-0.6, None]


@pytest.mark.parametrize("reply", [stereo(APPOINTMENT), mono(BILLING), stereo(URGENT, utterances=False)])
def test_turns_are_stored_and_read_again(reply: dict[str, object]) -> None:
    transcript = transcript_of(reply)
    assert transcript.turns is not None
    turns = transcript.turns_spoken()
    assert [len(turn.words or ()) for turn in turns] == [turn.word_count for turn in turns]
    assert " ".join(turn.text for turn in turns) == " ".join(said.text for said in transcript.utterances)
    assert transcript.full_transcript.splitlines() == [f"{turn.role.capitalize()}: {turn.text}" for turn in turns]


def test_what_was_stored_before_there_were_turns_has_turns() -> None:
    transcript = transcript_of(stereo(URGENT))
    assert turns_stored(transcript.utterances, None) == transcript.turns_spoken()


def cut_anew(utterances: Sequence[RecognisedUtterance], cuts: random.Random) -> list[RecognisedUtterance]:
    """The same words in other utterances."""
    channels: dict[int, list[Word]] = {}
    for said in utterances:
        channels.setdefault(said.channel, []).extend(said.words)
    anew = []
    for channel, timed in channels.items():
        timed.sort(key=lambda word: word.start)
        begin = 0
        while begin < len(timed):
            after = begin + cuts.randint(1, 12)
            anew.append(utterance(channel, timed[begin:after]))
            begin = after
    return anew


WORDS = st.sampled_from(["yes", "okay.", "mhm", "eyes", "when", "is it?", "the", "visit.", "no", "Tuesday,"])
CALLS = st.lists(
    st.tuples(st.integers(0, 1), st.lists(WORDS, min_size=1, max_size=8), st.floats(-0.4, 3.0), st.integers(0, 2)),
    min_size=1,
    max_size=12,
)


@given(call=CALLS, channels=st.integers(1, 2), seed=st.integers(0, 2**16))
def test_the_same_words_in_other_utterances_are_the_same_turns(
    call: list[tuple[int, list[str], float, int]], channels: int, seed: int
) -> None:
    now, utterances = 1.0, []
    for who, said, pause, voice in call:
        timed = words(" ".join(said), now, voice=voice if channels == 1 else None)
        utterances.append(utterance(who if channels == 2 else 0, timed))
        # In one channel nothing overlaps.
        now = round(timed[-1].end + (abs(pause) if channels == 1 else pause), 3)
    as_heard = turns_of(*utterances, channels=channels)
    cut_otherwise = turns_of(*cut_anew(utterances, random.Random(seed)), channels=channels)
    assert [(turn.speaker, turn.words) for turn in cut_otherwise] == [(turn.speaker, turn.words) for turn in as_heard]
    assert sum(turn.word_count for turn in as_heard) == sum(len(said.words) for said in utterances)


def test_an_utterance_keeps_what_came() -> None:
    reply = mono(talk((0, "Shall we move it?"), (1, "No, please leave it.")))
    transcript = transcript_of(reply)
    assert all(isinstance(said, Utterance) for said in transcript.utterances)
    assert [said.speaker for said in transcript.utterances] == ["speaker-0", "speaker-1"]


def test_the_utterance_of_a_word_is_the_one_it_was_cut_into() -> None:
    lines = talk((CUSTOMER, "I have a question."), (CUSTOMER, "I am seeing flashes."), pause=0.5)
    (turn,) = transcript_of(stereo(lines)).turns_spoken()
    assert [turn.utterance_of(word) for word in (0, 3, 4, 7)] == [0, 0, 1, 1]
    assert replace(turn, words=None).utterance_of(7) == 0
    # "2:30" for "two thirty": the places of words are not those of the text.
    assert replace(turn, text="I have a question. I am").utterance_of(5) == 0
