"""Excerpt: single definitions of a source file, run with what they mention and without the rest of the file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from copy import deepcopy
from functools import cached_property
from typing import Any

from codaar_core.registry.source.definition import file_of

LIGHT = {*sys.stdlib_module_names, "attr", "attrs", "codaar_core.api"}
"""What definitions may import. Files of their package, of plug-ins and of codaar_core.nn are read as this one is."""
READ = "codaar_core.nn"
PLUGIN = "codaar_plugin_"


class Entangled(Exception):
    """A definition cannot be run without the rest of its file."""


class Excerpt:
    """A file of which nothing is run but what is asked for.

    Args:
        module: Name of its module.
        files: The other files read so far, by module.
    """

    def __init__(self, module: str, files: dict[str, Excerpt] | None = None) -> None:
        self.module = module
        self.files = {} if files is None else files
        self.namespace: dict[str, Any] = {"__name__": module}
        self._running: set[str] = set()

    @cached_property
    def body(self) -> list[ast.stmt]:
        """The statements of the file."""
        path = file_of(self.module)
        if path is None:
            raise Entangled(f"there is no file of {self.module}")
        return ast.parse(path.read_bytes()).body

    @cached_property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        """The statements that give each name its meaning."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.body:
            for name, binding in bound(statement):
                found.setdefault(name, []).append(binding)
        return found

    @cached_property
    def touched(self) -> set[str]:
        """Names that are used while the file is run: what they stand for may be changed by it."""
        return {name for statement in self.body for part in _active(statement) for name in _mentioned(part)}

    def binding(self, name: str) -> ast.stmt:
        """The one statement that binds a name."""
        bindings = self.bindings.get(name, [])
        if len(bindings) != 1:
            raise Entangled(f"{name} is bound {len(bindings)} times")
        return bindings[0]

    def value(self, name: str) -> Any:
        """What a name stands for."""
        if name not in self.namespace:
            self._define(name, self.binding(name))
        return self.namespace[name]

    def source(self, binding: ast.ImportFrom) -> tuple[Excerpt, str]:
        """The file that a name is imported from, and how it is called there."""
        module = imported_module(binding, self.module)
        readable = module.startswith(PLUGIN) or is_in(module, {READ, self.module.partition(".")[0]})
        if not readable:
            raise Entangled(f"{module} is not read")
        return self.files.setdefault(module, Excerpt(module, self.files)), binding.names[0].name

    def run(self, definition: ast.stmt) -> None:
        """Run a definition, and before it what it mentions."""
        bare = _Bare().visit(deepcopy(definition))
        for name in sorted(_mentioned(bare) & self.bindings.keys() - self._running):
            self.value(name)
        document = ast.fix_missing_locations(ast.Module([bare], []))
        exec(compile(document, self.module, "exec", dont_inherit=True), self.namespace)

    def _define(self, name: str, binding: ast.stmt) -> None:
        if isinstance(binding, (ast.Import, ast.ImportFrom)):
            self._import(name, binding)
        elif isinstance(binding, DEFINITIONS) and name not in self.touched:
            self._running.add(name)
            self.run(binding)
        else:
            raise Entangled(f"{name} may be changed after its definition")

    def _import(self, name: str, binding: ast.Import | ast.ImportFrom) -> None:
        if is_in(imported_module(binding, self.module), LIGHT):
            self.run(binding)
        elif isinstance(binding, ast.ImportFrom):
            file, original = self.source(binding)
            self.namespace[name] = file.value(original)
        else:
            raise Entangled(f"{name} is not imported")


DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def bound(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """The names that a statement binds, and what binds them: of an import, the part for that name."""
    if isinstance(statement, ast.Import):
        yield from ((alias.asname or alias.name.partition(".")[0], ast.Import([alias])) for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name, ast.ImportFrom(statement.module, [alias], statement.level)
    elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        yield statement.name, statement
    else:  # in a branch or a loop, a name may be bound or not: `_define` refuses that
        parts: list[ast.expr] | list[ast.stmt] = _targets(statement) or [statement]
        for part in parts:
            yield from ((name, statement) for node in ast.walk(part) for name in _bound_by(node))


def _targets(statement: ast.stmt) -> list[ast.expr]:
    """What an assignment assigns to."""
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        return [statement.target]
    return statement.targets if isinstance(statement, ast.Assign) else []


def _bound_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, ast.Store) else []
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
        return [name for name, _ in bound(node)]
    return []


def imported_module(binding: ast.Import | ast.ImportFrom, inside: str) -> str:
    """The module that a part of an import imports, or imports from."""
    if isinstance(binding, ast.Import):
        return binding.names[0].name
    if not binding.level:
        return binding.module or ""
    raise Entangled(f"{inside} imports relatively")


def is_in(module: str, packages: set[str]) -> bool:
    """Whether a module is one of these packages or in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _active(statement: ast.stmt) -> list[ast.AST]:
    """The parts of a statement that may change what a name stands for."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return []
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return list(statement.decorator_list)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return list(_targets(statement))
    return [statement]


def _mentioned(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}


class _Bare(ast.NodeTransformer):
    """Leaves out what is not needed to make a class or constant: annotations of functions, methods nobody calls yet."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
        if not any(each.decorator_list or each.name.startswith("__") for each in methods):
            node.body = [each for each in node.body if each not in methods] or [ast.Pass()]
        return self.generic_visit(node)
