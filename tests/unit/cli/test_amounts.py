"""Numbers in tables: all digits, or as people read amounts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from alphaforge_cli.tables import exact, money


@pytest.mark.parametrize(
    ("number", "read", "whole"),
    [
        (None, "", ""),
        (Decimal(0), "0", "0"),
        (Decimal("61912.345678901234567891"), "61,912.35", "61,912.345678901234567891"),
        (Decimal("-1234567.891"), "-1,234,567.89", "-1,234,567.891"),
        (Decimal("101.500000"), "101.5", "101.5"),
        (Decimal("0.0512345678"), "0.0512346", "0.0512345678"),
        (Decimal("0.000000000000000001"), "0.000000000000000001", "0.000000000000000001"),
        (100.5, "100.5", "100.5"),
    ],
)
def test_amounts_are_rounded_for_reading_and_exact_on_demand(
    number: Decimal | float | None, read: str, whole: str
) -> None:
    assert money(number) == read
    assert exact(number) == whole
