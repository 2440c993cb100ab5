"""The model card of an exported model: README.md in the layout of the Hugging Face hub, and a note about licences."""

from codaar_core.report.card.card import describe_model

__all__ = ["describe_model"]
