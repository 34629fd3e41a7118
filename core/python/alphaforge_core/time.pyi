"""Nanoseconds since the Unix epoch."""



def nanos_to_millis(nanos: int) -> int:
    """
    Nanoseconds to milliseconds, rounded down (-1 ns is -1 ms).

    Raises ValueError beyond 64 bits.
    """

def nanos_to_secs(nanos: int) -> int:
    """
    Nanoseconds to seconds, rounded down (-1 ns is -1 s).

    Raises ValueError beyond 64 bits.
    """

def unix_nanos_now() -> int:
    """The wall clock: nanoseconds since the Unix epoch."""
