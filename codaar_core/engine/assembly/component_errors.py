"""Turns exceptions of a component into errors at its line of the recipe."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codaar_core.api import CodaarError, ComponentError, DataError
from codaar_core.recipe.plan import Block, Plan
from codaar_core.recipe.toml.problem import RecipeError


@contextmanager
def errors_at(plan: Plan, block: Block) -> Iterator[None]:
    """Attribute exceptions raised inside the context to the component of ``block``.

    Raises:
        RecipeError: The component raised any other exception; points to its line of the recipe.
        DataError: Files are missing or damaged; passed on unchanged, since the recipe is not the cause.
    """
    try:
        yield
    except (RecipeError, DataError):
        raise
    except CodaarError as error:
        raise plan.problem(block.path, error) from error
    except Exception as error:
        help = f"if the settings are right, this is a fault of {block.entry.package}; `--traceback` shows more"
        raise plan.problem(block.path, ComponentError(_on_one_line(error, block), help), "failing-component") from error


def _on_one_line(error: Exception, block: Block) -> str:
    """Describe an exception on one line, with the innermost source line of the component's package in its traceback."""
    description = " ".join(f"{type(error).__name__}: {error}".split())
    package = Path(inspect.getfile(block.component)).parent
    frames = traceback.extract_tb(error.__traceback__)
    frames_of_package = [frame for frame in frames if Path(frame.filename).is_relative_to(package)]
    if not frames_of_package:
        return description
    return f"{description} ({frames_of_package[-1].filename}:{frames_of_package[-1].lineno})"
