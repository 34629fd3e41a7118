"""The warning about unnamed caches."""

from __future__ import annotations

import warnings
from itertools import count

__all__ = ["note_unnamed_cache"]

_made = count(1)


def note_unnamed_cache() -> None:
    """Warns when a process creates a second remote cache without a name, which shares its entries with the first.

    In process, unnamed caches are independent, so code written for that may not expect sharing.
    """
    if next(_made) == 2:
        warnings.warn(
            "a second remote GenericCache without a name shares the entries and settings of the first one; "
            'give name="..." for a cache of its own, or name="default" to share them on purpose',
            UserWarning,
            stacklevel=3,
        )
