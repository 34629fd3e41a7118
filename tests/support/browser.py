"""A headless Chromium, driven over the pipe of its DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

__all__ = ["CHROMIUM", "Browser", "browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
_SECONDS_MAX = 60.0


class Browser:
    """One page. Raises AssertionError for what the page's own code throws, and TimeoutError."""

    def __init__(self, process: subprocess.Popen[bytes], sink: int, source: int) -> None:
        self._process, self._sink, self._source = process, sink, source
        self._count = 0
        self._read = b""
        self._events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls a method of the protocol and returns its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._sink, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer}"
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def show(self, width: int, height: int, *, dark: bool = False) -> None:
        """Sets the window's size and the reader's colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        """Opens a page and waits until it and all of its pictures are loaded."""
        self._events.clear()
        assert "errorText" not in self.call("Page.navigate", url=url), url
        while not any(each.get("method") == "Page.loadEventFired" for each in self._events):
            self._events.append(self._next())

    def run(self, program: str) -> Any:
        """Returns the value of an expression in the page, awaited if it is a promise."""
        given = {"expression": program, "awaitPromise": True, "returnByValue": True}
        result = self.call("Runtime.evaluate", **given)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def picture(self, path: Path, height_max: int = 2_000) -> None:
        """Saves the page, down to `height_max`, as a PNG or, by the name, a WebP."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], height_max), "scale": 1}
        taken = self.call("Page.captureScreenshot", format=path.suffix[1:], clip=clip, captureBeyondViewport=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _next(self) -> dict[str, Any]:
        end = monotonic() + _SECONDS_MAX
        while b"\0" not in self._read:
            if not select.select([self._source], [], [], max(0.0, end - monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self._source, 1 << 20)
            assert piece, f"the browser has ended with {self._process.wait()}"
            self._read += piece
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with its profile in `folder`."""
    assert CHROMIUM is not None
    pipes = (*os.pipe(), *os.pipe())
    # The browser expects its pipes at descriptors 3 and 4, so these are duplicated to 20 and above.
    its_source, sink, source, its_sink = (fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 20) for each in pipes)
    for each in pipes:
        os.close(each)
    command = f'exec "$@" 3<&{its_source} 4>&{its_sink}'
    words = ("bash", "-c", command, "bash", CHROMIUM, *_FLAGS, f"--user-data-dir={folder}")
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(words, pass_fds=(its_source, its_sink), stdout=log, stderr=log)
    os.close(its_source)
    os.close(its_sink)
    try:
        yield Browser(process, sink, source)
    finally:
        process.terminate()
        process.wait(30)
        os.close(sink)
        os.close(source)
