"""Argus: from the binary logs that vehicles upload to a diagnosis that an engineer can trust."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("argus-pipeline")
except PackageNotFoundError:  # a source tree that nobody installed
    __version__ = "0.0.0+source"
