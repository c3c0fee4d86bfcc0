"""Argus: from the binary logs that vehicles upload to a diagnosis that an engineer can trust."""

# Said here and read from here by the build: to ask the installed package costs 30 ms a command.
__version__ = "0.1.0"
