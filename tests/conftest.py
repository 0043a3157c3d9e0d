"""What all tests need of the process they run in."""

import os
import signal

from hypothesis import settings

# A shell that starts the tests in the background lets them ignore Ctrl-C, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run: a change is judged by what it changes, not by luck. "search" draws new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("search")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
