"""Times as nanoseconds since the Unix epoch: the same functions as in process."""

from alphaforge_core.time import nanos_to_millis, nanos_to_secs, unix_nanos_now

__all__ = ["nanos_to_millis", "nanos_to_secs", "unix_nanos_now"]
