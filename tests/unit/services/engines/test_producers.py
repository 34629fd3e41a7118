"""A producer's calls are applied once, in order; the last one repeated gets its first answer."""

from __future__ import annotations

import pytest
from alphaforge.data.v1.ticks_pb2 import ProcessTradeTickResponse, ProcessTradeTicksResponse
from alphaforge_core.errors import EngineError, InvalidArgument

from services.engines import producers as producers_module
from services.engines.producers import Producers

ANSWER = ProcessTradeTicksResponse(processed_count=3, producer_sequence=1).SerializeToString()


def test_the_last_call_repeated_gets_its_first_answer_marked_as_a_repeat() -> None:
    producers = Producers()
    assert producers.first_answer("p", 1) is None
    producers.applied("p", 1, ANSWER)
    repeated = producers.first_answer("p", 1)
    assert repeated is not None
    for message in (ProcessTradeTicksResponse, ProcessTradeTickResponse):
        answer = message.FromString(repeated)
        assert (answer.processed_count, answer.producer_sequence, answer.is_repeat) == (3, 1, True)
    assert producers.last_sequence("p") == 1


@pytest.mark.parametrize("sequence", [0, 3, 2**63])
def test_a_gap_is_refused_with_the_sequence_expected(sequence: int) -> None:
    producers = Producers()
    producers.applied("p", 1, ANSWER)
    if sequence == 0:
        producers = Producers()
    with pytest.raises(EngineError) as caught:
        producers.first_answer("p", sequence)
    assert caught.value.reason == "PRODUCER_SEQUENCE_GAP"
    assert caught.value.__dict__["metadata"] == {"expected_sequence": "1" if sequence == 0 else "2"}


def test_a_call_before_the_last_is_refused() -> None:
    producers = Producers()
    producers.applied("p", 1, ANSWER)
    producers.applied("p", 2, ANSWER)
    with pytest.raises(EngineError, match="continue with 3") as caught:
        producers.first_answer("p", 1)
    assert caught.value.reason == "PRODUCER_SEQUENCE_PAST"


def test_calls_without_a_producer_are_not_numbered() -> None:
    producers = Producers()
    producers.applied("", 0, ANSWER)
    assert producers.first_answer("", 0) is None


def test_answers_and_then_producers_of_longest_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producers_module, "_PRODUCERS_MAX", 3)
    monkeypatch.setattr(producers_module, "_ANSWER_BYTES_MAX", 2 * (len(ANSWER) + 100))
    producers = Producers()
    for name in ("a", "b", "c", "a", "a", "d"):
        producers.applied(name, producers.last_sequence(name) + 1, ANSWER[:5])
    assert [producers.last_sequence(name) for name in "abcd"] == [3, 0, 1, 1]
    kept = [mark.producer_id for mark in producers.marks() if mark.answer]
    assert kept == ["a", "d"]
    with pytest.raises(EngineError) as caught:
        producers.first_answer("c", 1)
    assert caught.value.reason == "PRODUCER_SEQUENCE_PAST"


def test_a_producer_id_has_1_to_64_bytes() -> None:
    with pytest.raises(InvalidArgument):
        Producers().last_sequence("")
    with pytest.raises(InvalidArgument):
        Producers().first_answer("x" * 65, 1)
