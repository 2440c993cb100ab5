"""Checks of every component that can be built: it builds for small inputs, and can be copied and pickled."""

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
    """It can be built for small inputs, and calls super().__init__: a module does not work without it."""
    try:
        component = subject.build()
    except AttributeError as error:
        forgotten = "before Module.__init__" in str(error)
        found = f"{subject.title}.__init__ does not call that of its base: {error}"
        raise (Violation(found, SUPER) if forgotten else error) from error
    expect(hasattr(component, "config"), f"{subject.title} has no attribute config when it is built", SUPER)


@check(*BUILT)
def copies(subject: Subject) -> None:
    """It can be copied and pickled: that is how other processes get it."""
    original = subject.build()
    for how, copy in (("deepcopy", deepcopy), ("pickle", _pickled)):
        try:
            twin = copy(original)
        except Exception as error:
            raise Violation(
                f"{subject.title} cannot be copied by {how}: {type(error).__name__}: {error}",
                "store no open files, generators or lambdas as attributes; create them on first use",
            ) from error
        expect(
            _same_state(original, twin),
            f"{subject.title} differs after {how}",
            "let __getstate__, __setstate__ and __deepcopy__ keep all parameters and buffers, or leave them out",
        )


def _pickled(component: Any) -> Any:
    return pickle.loads(pickle.dumps(component))


def _same_state(one: Any, other: Any) -> bool:
    if not isinstance(one, nn.Module):
        return one.config == other.config
    before, after = one.state_dict(), other.state_dict()
    return before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
