"""One tree of errors, each also the built-in one that callers catch, each with a stable reason."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
from alphaforge_core import errors
from alphaforge_core.errors import REASONS, AlphaForgeError, BatchError, InvalidArgument
from alphaforge_core.model import Price

BUILT_IN = {
    "InvalidArgument": ValueError,
    "UnsupportedValue": TypeError,
    "EngineError": RuntimeError,
    "Unavailable": ConnectionError,
    "DeadlineExceeded": TimeoutError,
    "Unauthenticated": PermissionError,
    "PermissionDenied": PermissionError,
    "ResourceExhausted": RuntimeError,
    "BatchError": ValueError,
}


def test_every_error_is_also_the_built_in_one() -> None:
    classes = {name for name in errors.__all__ if inspect.isclass(getattr(errors, name))}
    assert classes == BUILT_IN.keys() | {"AlphaForgeError"}
    for name, built_in in BUILT_IN.items():
        assert issubclass(getattr(errors, name), AlphaForgeError)
        assert issubclass(getattr(errors, name), built_in)


@pytest.mark.parametrize("name", sorted(BUILT_IN.keys() - {"BatchError"}))
def test_an_error_survives_pickling_with_its_reason(name: str) -> None:
    error = getattr(errors, name)("what was wrong", reason="NAME_INVALID")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(again), str(again), again.reason) == (type(error), "what was wrong", "NAME_INVALID")


def test_a_batch_error_keeps_its_results() -> None:
    error = BatchError("1 of 2 was malformed", results=["id-1", InvalidArgument("no", reason="NAME_INVALID")])
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, again.results[0], again.results[1].reason) == ("BATCH_PARTLY_INVALID", "id-1", "NAME_INVALID")


def test_what_the_core_throws_arrives_with_its_reason() -> None:
    with pytest.raises(InvalidArgument) as caught:
        Price("1.0123456789")
    assert caught.value.reason == "NUMBER_TOO_PRECISE"
    assert caught.value.reason in REASONS


def test_reasons_are_upper_case_names_with_a_help_text() -> None:
    assert len(REASONS) > 10
    for name, text in REASONS.items():
        assert name == name.upper()
        assert name.isidentifier()
        assert len(text) > 10
