"""The one place that states the version; the build and `pykka.__version__` read it here."""

__version__ = "5.0.0a1"
