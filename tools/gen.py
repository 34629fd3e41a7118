"""Generated code: the Python of the protos, the stubs of the extension, and the sync client.

python tools/gen.py            # write
python tools/gen.py --check    # exit 1 and name the files that are not what would be written
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROTOS = ROOT / "protos"
CORE = ROOT / "core/python/alphaforge_core"
UNASYNC = ROOT / "tools/unasync.py"

# Modules of the core that are plain Python, with their types in the source.
PLAIN_MODULES = {"_tables", "__init__", "errors"}

# Generated code runs with its generator's release of grpcio and protobuf or a later one, never with an earlier.
# An older generator lets the client live beside packages that hold protobuf back; it needs an older protobuf
# itself, hence an environment of its own.
PROTOC = (
    *("uv", "run", "--quiet", "--isolated", "--no-project"),
    *("--with", "grpcio-tools==1.78.0", "--with", "mypy-protobuf==5.1.0"),
    *("python", "-m", "grpc_tools.protoc"),
)


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


def generate_protos(out: Path) -> None:
    sources = sorted(path.relative_to(PROTOS) for path in (PROTOS / "alphaforge").rglob("*.proto"))
    outputs = [f"--{plugin}_out={out}" for plugin in ("python", "grpc_python")]
    outputs += [f"--{plugin}_out=quiet:{out}" for plugin in ("mypy", "mypy_grpc")]
    run(*PROTOC, f"-I{PROTOS}", *outputs, *sources)
    for module in out.rglob("*_pb2_grpc.py"):  # a file without a service has nothing to serve
        if "Servicer" not in module.read_text():
            module.unlink()
            module.with_suffix(".pyi").unlink()
    for folder in {path.parent for path in out.rglob("*_pb2.py")}:
        (folder / "py.typed").touch()


def generate_stubs(out: Path) -> None:
    """Stubs of the public modules, not of the extension: only those show each class under its public name."""
    names = sorted({path.stem for path in CORE.glob("*.py")} - PLAIN_MODULES)
    if not names:
        return
    modules = [argument for name in names for argument in ("-m", f"alphaforge_core.{name}")]
    run(sys.executable, "-m", "nanobind.stubgen", "-q", "-O", out, "-p", ROOT / "core/bindings/stubs.pattern", *modules)


# What is generated: a function, the folder it belongs in, and which of that folder's files are its own.
TARGETS = (
    (generate_protos, PROTOS / "python", "alphaforge/**/*"),
    (generate_stubs, CORE, "*.pyi"),
)


def files(folder: Path, pattern: str) -> dict[Path, bytes]:
    found = (path for path in folder.glob(pattern) if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder): path.read_bytes() for path in found}


def write(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = False
    for generate, folder, pattern in TARGETS:
        with tempfile.TemporaryDirectory() as scratch:
            generate(Path(scratch))
            fresh, present = files(Path(scratch), pattern), files(folder, pattern)
        for name in sorted(fresh.keys() | present.keys()):
            if fresh.get(name) == present.get(name):
                continue
            if check:
                print(f"{(folder / name).relative_to(ROOT)} is not what `make gen` writes", file=sys.stderr)
                stale = True
            else:
                write(folder / name, fresh.get(name))
    # The sync client is written by a script of its own, with the same two modes.
    if UNASYNC.exists():
        stale |= subprocess.run([sys.executable, UNASYNC, *(["--check"] if check else [])], check=False).returncode != 0
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
