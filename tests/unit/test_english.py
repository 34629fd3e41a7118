"""Retired words and phrases: text is written in the plain English of CONTRIBUTING.md and its glossary."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Each phrase, as a regular expression, and what to write instead. Precise enough not to hit valid uses.
RETIRED = {
    r"\banew\b": "again, new, reopen, restart",
    r"\bwhoever\b": "callers that, any client that",
    r"\bhears? of\b": "is called with, receives",
    r"\bmend(?:s|ed|ing)?\b(?!\()": "fix, repair",
    r"\bfor ever\b": "forever",
    r"\bby and by\b": "gradually",
    r"\bbeside other calls\b": "in the background, concurrently",
    r"\bof (?:his|her) own\b": "its own",
    r"\bnobody's\b": "unowned; or say who owns it",
    r"\btold of\b": "gets, is notified of",
    r"\bwhat (?:is|are) to be\b": "the items to write, the next step",
    r"\bput(?:s|ting)? off\b": "defer",
    r"\bput_off\b": "defer",
    r"\bsigns? of life\b": "renewal, heartbeat",
    r"\bwithout a word\b": "silently, unnoticed",
    r"\bwhat (?:has )?bec[oa]me of\b": "the result of, the state of",
    r"\bthe (?:page|message) before\b(?! it)": "the previous page, the previous message",
    r"\bis none that\b": "unknown, invalid",
    r"\blearnt\b": "got, received",
    r"\b(?:is|are) dear\b|\bdear to\b": "expensive",
    r"\b(?:loop|GIL|engine|lock) in hand\b": "while holding",
    r"\bto be told\b": "alerts, notification",
    r"\bso many at most\b": "maximum number of",
    r"\bbe it\b": "whether, for",
    r"\b(?:take|takes|taken) over what\b": "restore",
    r"\b(?:is|are|was) no (?:variable|member|scalar|valid|decimal|finite|regular)\b(?! where)": "is not a",
    r"\bso many\b": "the number, a parameter's name",
    r"\b(?:go|goes|going|went) on\b": "continue, keep running, work",
    r"\bof no use\b": "unusable, discarded",
    r"\berrors? of ours\b": "a documented error, an AlphaForgeError",
    r"\bin process and remote alike\b": "in process and remote",
    r"\btold and\b|\bwhat (?:each|they|it) (?:is|are|was|were) told\b": "answers, notifications",
    r"\bcuts? of the power\b": "power cut",
    r"\bstopped in order\b": "stopped cleanly",
    r"\bas (?:they|it) (?:always )?stands?\b": "unchanged, current",
    r"\bat_length\b|\bpromptly\b": "without_gil, with_gil",
    r"\bx of (?:none|one|best|the)\b": "ratio to",
    r"\bsince now\b": "from now on",
    r"\bfor sure\b": "certainly",
    r"\bcould not be had\b": "could not be installed",
    r"\bbehind each other\b": "concatenated, one after the other",
    r"\bwithout damage\b": "although nothing is damaged",
    r"\bnumbered through\b": "numbered consecutively",
}

# The list itself, the history, generated code, and data.
EXEMPT = (
    "tests/unit/test_english.py",
    "CHANGELOG.md",
    "protos/python/",
    "requirements",
    "tests/fuzz/corpus/",
)

SUFFIXES = (
    ".py",
    ".pyi",
    ".md",
    ".proto",
    ".cpp",
    ".hpp",
    ".toml",
    ".yml",
    ".yaml",
    ".json",
    ".sh",
    ".txt",
    "Makefile",
)


def tracked() -> list[Path]:
    """The text files of the repository; empty in a copy without git."""
    listed = subprocess.run(("git", "ls-files"), cwd=ROOT, capture_output=True, text=True, check=False).stdout
    names = (name for name in listed.splitlines() if name.endswith(SUFFIXES) and not name.startswith(EXEMPT))
    return [path for path in map(ROOT.joinpath, names) if path.is_file()]


@pytest.mark.parametrize("phrase", RETIRED)
def test_retired_phrases_are_not_used(phrase: str) -> None:
    found = [place for place, line in suspects() if re.search(phrase, line, re.IGNORECASE)]
    assert not found, f"write instead: {RETIRED[phrase]}\n" + "\n".join(found)


@functools.cache
def suspects() -> list[tuple[str, str]]:
    """The lines that have any of the phrases, each with its place."""
    any_phrase = re.compile("|".join(RETIRED), re.IGNORECASE)
    return [
        (f"{path.relative_to(ROOT)}:{number}: {line.strip()}", line)
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if any_phrase.search(line)
    ]


def test_the_list_finds_its_phrases() -> None:
    """A list that finds nothing would prove nothing."""
    for text in (
        "begins anew",
        "the token is none that the service knows",
        "X is no variable of AlphaForge",
        "it goes on",
    ):
        assert any(re.search(phrase, text) for phrase in RETIRED), text
