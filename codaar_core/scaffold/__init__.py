"""Creates plug-ins from templates: complete distributions that pass the conformance kit. Imports no torch."""

from codaar_core.scaffold.distribution import new_plugin

__all__ = ["new_plugin"]
