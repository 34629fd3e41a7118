"""The number of examples per property: 100, times HYPOTHESIS_FACTOR (more for a long search, 0.1 for a tenth).

Each run looks for new ones. Where CI is set, a change is judged by the same examples each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FACTOR = float(os.environ.get("HYPOTHESIS_FACTOR", "1"))

settings.register_profile(
    "histories",
    max_examples=max(1, int(100 * FACTOR)),
    derandomize="CI" in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
settings.load_profile("histories")

# For properties whose examples create several engines each.
fewer = settings(max_examples=max(1, int(40 * FACTOR)))
