"""PartialModule: executes single definitions of a source file, with the names they use, and nothing else of it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from copy import deepcopy
from functools import cached_property
from typing import Any

from codaar_core.registry.source.definition import file_of

EXECUTED_IMPORTS = {*sys.stdlib_module_names, "attr", "attrs", "codaar_core.api"}
"""Packages that definitions may import. Plug-ins, ``READ_PACKAGES`` and the own package are read as partial modules."""
READ_PACKAGES = {"codaar_core.features", "codaar_core.nn"}
PLUGIN = "codaar_plugin_"


class NotSeparable(Exception):
    """A definition cannot be executed without the rest of its file."""


class PartialModule:
    """A module of which only requested definitions are executed.

    Args:
        module: Name of the module.
        files: The modules read so far, by name; shared by all of them.
    """

    def __init__(self, module: str, files: dict[str, PartialModule] | None = None) -> None:
        self.module = module
        self.files = {} if files is None else files
        self.namespace: dict[str, Any] = {"__name__": module}
        self._running: set[str] = set()

    @cached_property
    def body(self) -> list[ast.stmt]:
        """The statements of the file; of its stub where a package imports its names on first use."""
        path = file_of(self.module)
        if path is None:
            raise NotSeparable(f"there is no file of {self.module}")
        stub = path.with_suffix(".pyi")
        if stub.is_file():
            return [_absolute(statement, self.module) for statement in ast.parse(stub.read_bytes()).body]
        return ast.parse(path.read_bytes()).body

    @cached_property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        """The statements that bind each name."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.body:
            for name, binding in bound(statement):
                found.setdefault(name, []).append(binding)
        return found

    @cached_property
    def possibly_changed(self) -> set[str]:
        """Names that the module uses when it is executed, and whose values it may therefore change."""
        return {name for statement in self.body for part in _effects(statement) for name in _used_names(part)}

    def binding(self, name: str) -> ast.stmt:
        """The only statement that binds a name.

        Raises:
            NotSeparable: No statement binds it, or several do.
        """
        bindings = self.bindings.get(name, [])
        if len(bindings) != 1:
            raise NotSeparable(f"{name} is bound {len(bindings)} times")
        return bindings[0]

    def value(self, name: str) -> Any:
        """The value of a name; its definition is executed first if necessary."""
        if name not in self.namespace:
            self._define(name, self.binding(name))
        return self.namespace[name]

    def source(self, binding: ast.ImportFrom) -> tuple[PartialModule, str]:
        """The module that a name is imported from, and its name there."""
        module = imported_module(binding, self.module)
        readable = module.startswith(PLUGIN) or is_in(module, {*READ_PACKAGES, self.module.partition(".")[0]})
        if not readable:
            raise NotSeparable(f"{module} is neither imported nor read")
        return self.files.setdefault(module, PartialModule(module, self.files)), binding.names[0].name

    def run(self, definition: ast.stmt) -> None:
        """Execute a definition, after the definitions of the names that it uses."""
        bare = _WithoutBodies().visit(deepcopy(definition))
        for name in sorted(_used_names(bare) & self.bindings.keys() - self._running):
            self.value(name)
        document = ast.fix_missing_locations(ast.Module([bare], []))
        exec(compile(document, self.module, "exec", dont_inherit=True), self.namespace)

    def _define(self, name: str, binding: ast.stmt) -> None:
        if isinstance(binding, (ast.Import, ast.ImportFrom)):
            self._import(name, binding)
        elif isinstance(binding, DEFINITIONS) and name not in self.possibly_changed:
            self._running.add(name)
            self.run(binding)
        else:
            raise NotSeparable(f"{name} may be changed after its definition")

    def _import(self, name: str, binding: ast.Import | ast.ImportFrom) -> None:
        if is_in(imported_module(binding, self.module), EXECUTED_IMPORTS):
            self.run(binding)
        elif isinstance(binding, ast.ImportFrom):
            file, original = self.source(binding)
            self.namespace[name] = file.value(original)
        else:
            raise NotSeparable(f"{name} is not imported")


DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def bound(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """The names that a statement binds, each with its binding: the statement, or the part of an import for the name."""
    if isinstance(statement, ast.Import):
        yield from ((alias.asname or alias.name.partition(".")[0], ast.Import([alias])) for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name, ast.ImportFrom(statement.module, [alias], statement.level)
    elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        yield statement.name, statement
    else:  # a branch or loop may bind a name or not: `_define` refuses it
        parts: list[ast.expr] | list[ast.stmt] = _targets(statement) or [statement]
        for part in parts:
            yield from ((name, statement) for node in ast.walk(part) for name in _bound_by(node))


def _targets(statement: ast.stmt) -> list[ast.expr]:
    """The targets of an assignment."""
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
    """The module that a part of an import names."""
    if isinstance(binding, ast.Import):
        return binding.names[0].name
    if not binding.level:
        return binding.module or ""
    raise NotSeparable(f"{inside} has a relative import")


def _absolute(statement: ast.stmt, package: str) -> ast.stmt:
    """Turn ``from .module import name`` in the stub of a package into an absolute import."""
    if isinstance(statement, ast.ImportFrom) and statement.level == 1:
        return ast.ImportFrom(f"{package}.{statement.module}", statement.names, 0)
    return statement


def is_in(module: str, packages: set[str]) -> bool:
    """Whether a module is one of these packages or inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _effects(statement: ast.stmt) -> list[ast.AST]:
    """The parts of a statement that may change the value of a name."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return []
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return list(statement.decorator_list)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return list(_targets(statement))
    return [statement]


def _used_names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}


class _WithoutBodies(ast.NodeTransformer):
    """Removes what a class or constant does not need: annotations of functions, and methods without decorator."""

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
