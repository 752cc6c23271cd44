"""Start the command; little stands here, for the processes that suites run in import this module again."""

import sys

if __name__ == "__main__":
    from tests.defects.command import main

    sys.exit(main())
