"""The command line's parser, whose complaints end every command with the same exit code."""

from __future__ import annotations

import argparse

USAGE = 4


class Parser(argparse.ArgumentParser):
    """A parser that keeps its epilog as it is written, and ends a wrong command line with exit code 4."""

    def __init__(self, *, prog: str, description: str, epilog: str) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=prog, description=description, epilog=epilog, formatter_class=formatter)

    def error(self, message: str) -> None:  # type: ignore[override]
        """Say what is wrong, and where help is."""
        self.exit(USAGE, f"{self.prog}: {message}\n{self.prog} --help tells more.\n")
