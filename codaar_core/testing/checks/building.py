"""What every component that can be built must keep: it builds on small widths, and it can be copied and sent."""

from __future__ import annotations

import pickle
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from codaar_core.testing.check import Violation, check, expect
from codaar_core.testing.subjects import SUBJECTS, Subject

BUILT = tuple(SUBJECTS)
SUPER = "call super().__init__(config, context) before anything else"


@check(*BUILT)
def builds(subject: Subject) -> None:
    """It builds in some toy surroundings, and has called super().__init__: without it, it is no module."""
    try:
        component = subject.build()
    except AttributeError as error:
        forgotten = "before Module.__init__" in str(error)
        found = f"{subject.title}.__init__ does not call that of its base: {error}"
        raise (Violation(found, SUPER) if forgotten else error) from error
    expect(hasattr(component, "config"), f"{subject.title} has no attribute config when it is built", SUPER)


@check(*BUILT)
def copies(subject: Subject) -> None:
    """It can be copied and pickled: other processes get it that way."""
    original = subject.build()
    for how, copy in (("deepcopy", deepcopy), ("pickle", _pickled)):
        try:
            twin = copy(original)
        except Exception as error:
            raise Violation(
                f"{subject.title} does not survive {how}: {type(error).__name__}: {error}",
                "keep open files, generators and lambdas out of its attributes; open and make them on first use",
            ) from error
        expect(
            _same_state(original, twin),
            f"{subject.title} is another after {how}",
            "let __getstate__, __setstate__ and __deepcopy__ keep all parameters and buffers, or leave them out",
        )


def _pickled(component: Any) -> Any:
    return pickle.loads(pickle.dumps(component))


def _same_state(one: Any, other: Any) -> bool:
    if not isinstance(one, nn.Module):
        return one.config == other.config
    before, after = one.state_dict(), other.state_dict()
    return before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
