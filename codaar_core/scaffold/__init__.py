"""A new plug-in from templates: a complete distribution that passes its own checks. Imports no torch."""

from codaar_core.scaffold.distribution import new_plugin

__all__ = ["new_plugin"]
