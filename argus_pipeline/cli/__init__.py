"""The command line `argus`: one module a command, put together in `main`."""

import gc

# A command is short, and most of what it makes by importing stays until its end: to look for
# garbage every 700 objects is a sixth of its time.
gc.set_threshold(100_000, 20, 100)
