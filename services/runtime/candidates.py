"""The candidate of a service. A service without a cluster loads none of the cluster's code, which would take memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.runtime.settings import CheckpointSettings

if TYPE_CHECKING:
    from services.runtime.candidate import Candidate

__all__ = ["candidate_of"]


def candidate_of(settings: CheckpointSettings) -> Candidate | None:
    """The candidate of these settings; None for a service without a cluster. Raises EngineError SETTING_INVALID."""
    dsn = settings.journal_dsn()
    if dsn is None:
        return None
    from services.runtime.candidate import Candidate

    return Candidate.of(settings, dsn)
