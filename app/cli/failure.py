"""What ends a command with one line instead of a traceback."""


class CommandError(Exception):
    """The command cannot go on; `str()` says why and what to do."""
