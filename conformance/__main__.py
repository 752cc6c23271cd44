"""``python -m conformance`` is the command line."""

import sys

from conformance.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
