"""The reference server behind a pause, as after a long import: ``python slow_start.py SECONDS ARGUMENT…``."""

import os
import sys
import time

time.sleep(float(sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-m", "reference_server", *sys.argv[2:]])
