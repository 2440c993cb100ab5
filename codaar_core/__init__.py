"""CoDAAR: a plug-in framework for cross-modal discrete representation learning."""

__version__ = "0.1.0"
