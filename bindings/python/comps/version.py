"""The version of OPEA's Python API that this package is compatible with."""

__version__ = "1.5"
