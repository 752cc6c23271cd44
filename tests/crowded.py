"""A pytest plugin that leaves a polite run ``CROWDED`` connections, as many other workers would."""

import os

from conformance.net import pace

pace.OPEN = pace.MORE = int(os.environ["CROWDED"]) // 2
pace.RATE = 2000.0
pace.TURN_BOUND = 1.0
