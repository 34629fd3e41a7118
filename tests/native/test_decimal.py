"""The core's decimal arithmetic agrees with exact numbers, to the last digit and at every limit."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.tape import half_even

ROOT = Path(__file__).resolve().parents[2]
INT128_MAX = 2**127 - 1
QUESTIONS = 20_000
OUT_OF_RANGE = "NUMBER_OUT_OF_RANGE"


@pytest.fixture(scope="module")
def calculator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("g++"):
        pytest.skip("needs g++")
    program = tmp_path_factory.mktemp("native") / "decimal_calculator"
    sources = [ROOT / "tests/native/decimal_calculator.cpp", ROOT / "core/src/base/decimal.cpp"]
    sanitize = ["-fsanitize=undefined", "-fno-sanitize-recover=undefined"]
    subprocess.run(
        ["g++", "-std=c++20", "-O1", *sanitize, f"-I{ROOT / 'core/src'}", *sources, "-o", program], check=True
    )
    return program


def ask(calculator: Path, questions: list[str]) -> list[str]:
    done = subprocess.run([calculator], input="\n".join(questions), capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(questions)
    return answers


def integers(generator: random.Random, count: int) -> list[int]:
    """Numbers of every length, including the limits and their neighbours."""
    corners = [0, 1, -1, 2, 5, 10, 10**9, 10**18, 10**38, 2**63, 2**64, INT128_MAX, -INT128_MAX, INT128_MAX - 1, 2**126]
    lengths = (generator.randrange(1, 128) for _ in range(count))
    drawn = [generator.choice((1, -1)) * generator.getrandbits(length) for length in lengths]
    return [generator.choice(corners) if generator.random() < 0.1 else number for number in drawn]


def refused_beyond_128_bits(exact: Fraction) -> str:
    number = round(exact)
    return str(number) if abs(number) <= INT128_MAX else OUT_OF_RANGE


def test_division_rounds_half_to_even(calculator: Path) -> None:
    generator = random.Random(1)
    pairs = list(zip(integers(generator, QUESTIONS), integers(generator, QUESTIONS), strict=True))
    pairs += [(n, d) for n in range(-20, 21) for d in range(-6, 7)]
    pairs = [(n, d) for n, d in pairs if d]
    answers = ask(calculator, [f"divide {n} {d}" for n, d in pairs])
    assert answers == [str(round(Fraction(n, d))) for n, d in pairs]


def test_a_product_over_a_number_is_exact_in_256_bits(calculator: Path) -> None:
    generator = random.Random(2)
    triples = list(zip(*(integers(generator, QUESTIONS) for _ in range(3)), strict=True))
    # Products with a divisor of similar size, so that the quotient fits; and exact halves.
    triples += [
        (a, b, c + 1) for a, b, c in zip(*(integers(generator, 2000) for _ in range(3)), strict=True) if c > b > 0
    ]
    triples += [(a | 1, 2**60, 2**61) for a in integers(generator, 200)]
    triples = [triple for triple in triples if triple[2] and abs(triple[2]) <= INT128_MAX]
    answers = ask(calculator, ["multiply_divide {} {} {}".format(*triple) for triple in triples])
    assert answers == [refused_beyond_128_bits(Fraction(a * b, c)) for a, b, c in triples]


def test_rescaling_is_exact_upwards_and_half_to_even_downwards(calculator: Path) -> None:
    generator = random.Random(3)
    places = [(generator.randrange(39), generator.randrange(39)) for _ in range(QUESTIONS)]
    cases = [(number, *pair) for number, pair in zip(integers(generator, QUESTIONS), places, strict=True)]
    answers = ask(calculator, [f"scale {number} {start} {end}" for number, start, end in cases])
    expected = [refused_beyond_128_bits(number * Fraction(10) ** (end - start)) for number, start, end in cases]
    assert answers == expected


def test_formatting_shows_what_is_needed_and_parses_back(calculator: Path) -> None:
    generator = random.Random(4)
    cases = [(number, generator.randrange(39), generator.randrange(4)) for number in integers(generator, QUESTIONS)]
    cases = [(number, places, least) for number, places, least in cases if least <= places]
    shown = ask(calculator, [f"format {number} {places} {least}" for number, places, least in cases])
    for text, (number, places, least) in zip(shown, cases, strict=True):
        assert Fraction(text) == Fraction(number, 10**places)
        whole, _, fraction = text.partition(".")
        assert len(fraction) >= least
        assert len(fraction) <= least or fraction[-1] != "0"
        assert text != "-0"
        assert whole.lstrip("-") == str(int(whole.lstrip("-")))
    again = ask(calculator, [f"parse {places} {text}" for text, (_, places, _) in zip(shown, cases, strict=True)])
    assert again == [str(number) for number, _, _ in cases]


def random_decimal(generator: random.Random) -> str:
    digits = str(generator.getrandbits(generator.randrange(1, 150))) + "0" * generator.choice((0, 0, 3, 30))
    point = generator.randrange(len(digits))
    text = generator.choice(("", "-", "+", "000")) + digits[: point + 1]
    if digits[point + 1 :]:
        text += "." + digits[point + 1 :]
    elif generator.random() < 0.5:
        text += "."
    if generator.random() < 0.1 and digits[point + 1 :]:
        text = generator.choice(("", "-", "+")) + "." + digits[point + 1 :]
    if generator.random() < 0.5:
        text += f"{generator.choice('eE')}{generator.choice(('', '+', '-'))}{generator.randrange(50)}"
    return text


def test_parsing_is_exact_or_refused_and_rounding_is_half_to_even(calculator: Path) -> None:
    generator = random.Random(5)
    cases = [(random_decimal(generator), generator.choice((0, 9, 18))) for _ in range(QUESTIONS)]
    cases += [(f"{n}.5e-9", 9) for n in range(50)] + [(f"0.{n}50000000", 2) for n in range(10, 50)]
    parsed = ask(calculator, [f"parse {places} {text}" for text, places in cases])
    rounded = ask(calculator, [f"round {places} {text}" for text, places in cases])
    refusals = set()
    for (text, places), exact, near in zip(cases, parsed, rounded, strict=True):
        value = Fraction(text) * 10**places
        assert near == refused_beyond_128_bits(half_even(value, 0)), text
        if value.denominator == 1:
            assert exact == near, text
        else:
            refusals.add(exact)
            assert exact in ("NUMBER_TOO_PRECISE", OUT_OF_RANGE), text
    assert "NUMBER_TOO_PRECISE" in refusals


def test_a_mantissa_becomes_the_nearest_double(calculator: Path) -> None:
    generator = random.Random(6)
    cases = [(number, generator.choice((9, 18))) for number in integers(generator, QUESTIONS)]
    answers = ask(calculator, [f"double {number} {places}" for number, places in cases])
    assert [float.fromhex(answer) for answer in answers] == [float(Fraction(n, 10**places)) for n, places in cases]


def test_a_double_means_its_shortest_decimal(calculator: Path) -> None:
    generator = random.Random(7)
    doubles = [struct.unpack("<d", generator.randbytes(8))[0] for _ in range(QUESTIONS)]
    doubles += [generator.uniform(-1, 1) * 10.0 ** generator.randrange(-12, 29) for _ in range(QUESTIONS)]
    doubles += [round(generator.uniform(0, 10**6), generator.randrange(12)) for _ in range(QUESTIONS)]
    doubles += [n * 5e-10 for n in range(2000)] + [(2**53 + n) / 1e9 for n in range(-500, 500)]
    answers = ask(calculator, [f"of {number!r}" for number in doubles])
    for number, answer in zip(doubles, answers, strict=True):
        if number != number or number in (float("inf"), float("-inf")):
            assert answer == "NUMBER_MALFORMED"
        else:
            assert answer == refused_beyond_128_bits(Fraction(repr(number)) * 10**9), number


def test_a_float32_means_its_own_shortest_decimal(calculator: Path) -> None:
    np = pytest.importorskip("numpy")
    generator = random.Random(8)
    singles = [np.float32(generator.uniform(-1, 1) * 10.0 ** generator.randrange(-12, 10)) for _ in range(QUESTIONS)]
    answers = ask(calculator, [f"of32 {number}" for number in singles])
    assert answers == [str(round(Fraction(Decimal(str(number))) * 10**9)) for number in singles]
