"""A trace spans client and service if both enable tracing; otherwise nothing is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import running_stack

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

CLIENT = """
import asyncio
from alphaforge_client.aio.cache import GenericCache as AsyncCache
from alphaforge_client.cache import GenericCache
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())

async def put(span):
    async with AsyncCache(name="traced") as cache:
        await cache.put("b", 2)

with trace.get_tracer("test").start_as_current_span("strategy") as span:
    with GenericCache(name="traced") as cache:
        cache.put("a", 1)
    asyncio.run(put(span))
    print(f"0x{span.get_span_context().trace_id:032x}")
"""


def test_one_trace_spans_client_and_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with running_stack(tmp_path) as stack:
        stack.serve("cache")
        command = (sys.executable, "-c", CLIENT)
        environment = {"PATH": "/usr/bin:/bin", "OTEL_TRACES_EXPORTER": "console", **stack.environment()}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        trace_id = result.stdout.strip()
    log = stack.log("cache").read_text()
    decoder, spans, position = json.JSONDecoder(), [], log.find("{\n")
    while position >= 0:
        span, end = decoder.raw_decode(log, position)
        spans.append(span)
        position = log.find("{\n", end)
    names = [span["name"] for span in spans if span["context"]["trace_id"] == trace_id]
    assert sum(name.endswith(("/Put", "/PutMany")) for name in names) == 2, names
    assert all(span["parent_id"] for span in spans if span["name"].startswith("alphaforge."))


def test_tracing_is_imported_only_if_enabled() -> None:
    program = (
        "import sys, alphaforge_client.cache, alphaforge_client.aio.cache, services.base.tracing as t;"
        "assert t.interceptors('cache') == [];"
        "assert not any(name.startswith('opentelemetry') for name in sys.modules)"
    )
    subprocess.run((sys.executable, "-c", program), env={"PATH": "/usr/bin:/bin"}, check=True)
