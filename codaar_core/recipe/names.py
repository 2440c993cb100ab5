"""The rule for names that a recipe gives: they become folders, torch modules, column heads and lines on a terminal."""

from __future__ import annotations

import re

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
LONGEST = 100  # characters; a folder name may have 255 bytes

_METHODS = """
    T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu cuda double dump_patches
    eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu items keys
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters pop
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory smart_apply state_dict to
    to_empty train training type update values xpu zero_grad
"""
RESERVED = frozenset(_METHODS.split())
"""Methods of torch modules, names that a ``ModuleDict`` refuses; the transformers library adds ``smart_apply``."""

OF_MODULES = ("model.modalities", "model.losses", "encoders", "decoders", "losses")
"""Where names become names of torch modules."""

OF_COMPONENTS = ("model.align", "model.losses", "evaluate.on", "run.hooks", "align", "losses", "bench", "hooks")
"""Where a name may be that of a component without a block: ``provider:name``."""


def setting_name(attribute: str) -> str:
    """The name of a setting in a recipe: a trailing underscore, as in ``from_``, is not part of it."""
    return attribute.removesuffix("_")


def name_fault(name: str, at: str = "") -> str:
    """What is wrong with a name, as ``must ...``; empty if nothing is.

    Args:
        name: The name of a block, modality, arm or run.
        at: The section or list that has the name, e.g. ``losses`` or ``model.losses``.
    """
    provider, colon, own = name.rpartition(":")
    if at in OF_COMPONENTS and colon and re.fullmatch(_NAME, provider):
        name = own
    if not re.fullmatch(_NAME, name):
        return "must consist of A-Z, a-z, 0-9, - and _, and begin with one of A-Z, a-z, 0-9"
    if len(name) > LONGEST:
        return f"must have at most {LONGEST} characters, has {len(name)}"
    if at in OF_MODULES and name in RESERVED:
        return "must not be the name of a method of torch modules"
    return ""
