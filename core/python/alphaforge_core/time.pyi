"""Nanoseconds since the Unix epoch."""



def nanos_to_millis(nanos: int) -> int:
    """
    Nanoseconds to milliseconds, rounded down (-1 ns is -1 ms).

    Raises ValueError beyond 64 bits.

    >>> nanos_to_millis(1_640_995_200_123_456_789)
    1640995200123
    """

def nanos_to_secs(nanos: int) -> int:
    """
    Nanoseconds to seconds, rounded down (-1 ns is -1 s).

    Raises ValueError beyond 64 bits.

    >>> nanos_to_secs(1_640_995_200_123_456_789)
    1640995200
    """

def unix_nanos_now() -> int:
    """The wall clock: nanoseconds since the Unix epoch."""
