"""The `mneme` command. A process loads the modules of the command that it runs, so that the gateway starts fast."""

import sys


def main() -> None:
    """Entry point of the installed script."""
    from app.cli.root import run  # noqa: PLC0415 - importing this package must stay free

    sys.exit(run(sys.argv[1:]))
