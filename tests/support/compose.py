"""Compose stacks for tests: the files of the project under a name, ports and images of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.stack import free_ports

__all__ = ["IMAGE", "Compose", "running_compose"]

ROOT = Path(__file__).parents[2]
IMAGE = "alphaforge-test"


def core_image(folder: Path, environment: dict[str, str]) -> str:
    """An image with the wheel of the core that is installed here: the objects of the last `make build`, packed."""
    build = ROOT / "build/native"
    # Beside this Python, whether or not its environment is the active one.
    uv = Path(sys.executable).with_name("uv")
    command = (uv, "--quiet", "build", "--wheel", "--no-build-isolation", "--out-dir", folder / "wheels")
    own = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    subprocess.run((*command, "-C", f"build-dir={build}", ROOT / "core"), env=own, check=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY wheels /wheels\n")
    name = f"{IMAGE}-core"
    subprocess.run(("docker", "build", "--quiet", "--tag", name, str(folder)), env=environment, check=True)
    return name


class Compose:
    """A stack under a name, ports and images of its own, so that it can run beside another one.

    `ports`: of each service the port that callers use; others are not published. `images`: of further services.
    """

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        files: list[str],
        ports: dict[str, int],
        images: dict[str, str] | None = None,
        profiles: str = "demo",
    ) -> None:
        self.ports = dict(zip(ports, free_ports(len(ports)), strict=True))
        services: dict[str, dict[str, Any]] = {
            name: {"ports": [f"127.0.0.1:{self.ports[name]}:{port}"]} for name, port in ports.items()
        }
        for name in services.keys() - {"prometheus"}:
            services[name]["image"] = f"{IMAGE}-services"
        services["demo"] = {"image": f"{IMAGE}-cli"}
        services |= {name: {"image": image} for name, image in (images or {}).items()}
        if os.environ["TEST_STACK"] != "source":
            core = core_image(folder, environment)
            for name in ("cache", "demo"):
                services[name]["build"] = {"args": {"CORE": core}}
        override = {"services": services}
        self._override = folder / "override.yml"
        # The tag `!override` replaces the list of ports; without it, compose would append to the list.
        self._override.write_text(json.dumps(override, indent=1).replace('"ports": [', '"ports": !override ['))
        self.files = [*files, str(self._override)]
        self.environment = {**environment, "COMPOSE_PROFILES": profiles}
        self._project = f"alphaforge-test-{os.getpid()}-{len(files)}"

    def run(self, *arguments: str, check: bool = True) -> str:
        command = ["docker", "compose", "--project-name", self._project]
        command += [f"--file={file}" for file in self.files]
        result = subprocess.run(
            (*command, *arguments), cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert not check or result.returncode == 0, f"{' '.join(arguments)}: {result.stdout}{result.stderr}"[-6000:]
        return result.stdout

    def inspect(self, service: str) -> dict[str, Any]:
        container = self.run("ps", "--all", "--quiet", service).strip()
        command = ("docker", "inspect", container)
        answer = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        described: dict[str, Any] = json.loads(answer.stdout)[0]
        return described

    def target(self, noun: str) -> str:
        return f"127.0.0.1:{self.ports[noun]}"


@contextmanager
def running_compose(stack: Compose) -> Iterator[Compose]:
    """Builds the images, brings the stack up and takes it down."""
    started = time.monotonic()
    try:
        stack.run("build")
        built = time.monotonic()
        stack.run("up", "--detach", "--no-build", "--wait", "--wait-timeout", "120")
        print(f"images in {built - started:.0f} s, healthy {time.monotonic() - built:.0f} s later")
        yield stack
    finally:
        print(stack.run("logs", "--tail", "40", check=False))
        stack.run("down", "--volumes", "--timeout", "20", check=False)
        # The builder's cache keeps the layers for the next run, and limits its own size.
        images = [f"{IMAGE}-{name}" for name in ("core", "services", "cli")]
        subprocess.run(("docker", "image", "rm", *images), env=stack.environment, capture_output=True, check=False)
