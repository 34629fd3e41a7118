"""Nanoseconds since the Unix epoch."""

from alphaforge_core._native.time import nanos_to_millis, nanos_to_secs, unix_nanos_now

__all__ = ["nanos_to_millis", "nanos_to_secs", "unix_nanos_now"]
