"""Whatever a component raises becomes a problem at its line of the recipe."""

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
    """Run what belongs to ``block``.

    Raises:
        RecipeError: The component complained or failed.
        DataError: Files are missing or damaged: that is not the recipe's fault.
    """
    try:
        yield
    except (RecipeError, DataError):
        raise
    except CodaarError as error:
        raise plan.problem(block.path, error) from error
    except Exception as error:
        help = f"if the settings are right, this is a fault of {block.entry.package}; `--traceback` shows more"
        raise plan.problem(block.path, ComponentError(_told(error, block), help), "failing-component") from error


def _told(error: Exception, block: Block) -> str:
    """An exception on one line, with the last line of the component's own package that was reached."""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    home = Path(inspect.getfile(block.component)).parent
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(home)]
    return f"{said} ({own[-1].filename}:{own[-1].lineno})" if own else said
