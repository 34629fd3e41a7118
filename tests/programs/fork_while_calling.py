"""Forks while other threads call and follow a stream; exits 0 if each child could do both."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from multiprocessing.connection import Connection as Pipe

from alphaforge_client._calls.coalescer import Coalescer
from alphaforge_client._calls.connection import Connection
from alphaforge_client._calls.subscription import Subscription
from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client._wire.opening import Opening
from alphaforge_client._wire.stream_message import StreamMessage

FORKS = 10


def decode(message: bytes) -> StreamMessage[int]:
    number = int(message)
    return StreamMessage(7, number, number - 1, [number])


def follow(connection: Connection) -> Subscription[int]:
    return Subscription(
        connection,
        "Numbers",
        lambda from_sequence: b"%d" % (from_sequence - 1 if from_sequence else 0),
        decode,
        from_sequence=None,
        silence_seconds_max=5.0,
    )


def shared(connection: Connection) -> Coalescer[bytes, bytes]:
    """Makes calls that share batches: the answer to one call answers the whole batch."""
    return Coalescer(
        lambda request: connection.call("Peer", request),
        lambda requests, timeout: [connection.call("Peer", requests[0], timeout)] * len(requests),
        5.0,
        100,
    )


def child(connection: Connection, calls: Coalescer[bytes, bytes], numbers: Subscription[int], out: Pipe) -> None:
    peer = connection.call("Peer", b"")
    assert calls.call(b"") == peer
    out.send((peer, [next(numbers) for _ in range(3)]))


def main(target: str) -> None:
    opening = Opening("test.Service", "Open", b"", lambda answer: int(answer), lambda _: b"")
    connection = Connection(Endpoint("data", target), opening, 5.0)
    mine = connection.call("Peer", b"")
    calls = shared(connection)
    others = follow(connection)
    last = next(others)
    stop = threading.Event()
    seen: list[object] = []

    def keep_calling() -> None:
        while not stop.is_set():
            assert connection.call("Peer", b"") == mine

    def keep_sharing() -> None:
        while not stop.is_set():
            assert calls.call(b"") == mine

    def keep_following() -> None:
        with follow(connection) as numbers:
            while not stop.is_set():
                seen.append(next(numbers))

    threads = [threading.Thread(target=target) for target in (keep_calling, *[keep_sharing] * 4, keep_following)]
    for thread in threads:
        thread.start()
    try:
        fork = multiprocessing.get_context("fork")
        for _ in range(FORKS):
            receiver, sender = fork.Pipe(duplex=False)
            process = fork.Process(target=child, args=(connection, calls, others, sender))
            process.start()
            assert receiver.poll(15), "the child hangs"
            theirs, numbers = receiver.recv()
            assert theirs != mine
            assert numbers == [last + 1, last + 2, last + 3]
            process.join(10)
            assert process.exitcode == 0
        assert connection.call("Peer", b"") == mine
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert seen == list(range(1, len(seen) + 1))
    others.close()
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
