"""The `alphaforge` command, also as `python -m alphaforge_cli`."""

from __future__ import annotations

import sys

from alphaforge_cli.problems import extra_wanted

__all__ = ["main"]


def main() -> None:
    """Runs the command. If its libraries are missing, says in one line how to install them."""
    try:
        if sys.argv[1:] == ["ping"]:
            # Typer takes longer to import than the checks take.
            from alphaforge_cli.checks import main as run
        else:
            from alphaforge_cli.main import main as run
    except ModuleNotFoundError as error:
        wanted = extra_wanted(error)
        if wanted is None:
            raise
        sys.exit(f"alphaforge: {wanted}")
    run()


if __name__ == "__main__":
    main()
