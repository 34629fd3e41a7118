"""`python -m alphaforge_cli`: the `alphaforge` command where it is not on the PATH."""

from alphaforge_cli.main import main

if __name__ == "__main__":
    main()
