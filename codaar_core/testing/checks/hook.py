"""Checks of hook components."""

from __future__ import annotations

import inspect

from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.registry import did_you_mean
from codaar_core.testing.check import check, expect
from codaar_core.testing.subjects import Subject


@check("hook")
def hooks_known(subject: Subject) -> None:
    """Each function marked with @hook has the name of a hook and takes only arguments of that hook."""
    known = {name: function for name, function in vars(Specification).items() if name.startswith(PROJECT)}
    marked = {
        name: function
        for name, function in inspect.getmembers(subject.component, inspect.isfunction)
        if hasattr(function, f"{PROJECT}_impl")
    }
    expect(marked, f"{subject.title} marks no function with @hook", "write @hook above each function to be called")
    for name, function in marked.items():
        near = did_you_mean(name, known)
        expect(
            name in known, f"{subject.title}: there is no hook {name!r}", near or f"the hooks are {', '.join(known)}"
        )
        arguments = list(inspect.signature(known[name]).parameters)
        unknown = [each for each in inspect.signature(function).parameters if each not in arguments]
        expect(
            not unknown,
            f"{subject.title}.{name} takes {', '.join(unknown)}, which are not arguments of this hook",
            f"take some of {', '.join(arguments)}",
        )
