"""From a merged recipe to a plan, or to all problems of the recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from codaar_core.recipe import resolved
from codaar_core.recipe.checking.blocks import Blocks, Loader, own_keys
from codaar_core.recipe.checking.conversion import convert
from codaar_core.recipe.checking.epoch_metrics import metric_fault
from codaar_core.recipe.checking.modalities import mismatches
from codaar_core.recipe.names import name_fault
from codaar_core.recipe.plan import BenchmarkPlan, Block, LossPlan, Plan
from codaar_core.recipe.settings import PER_MODALITY, SECTIONS, SWITCHED, TABLES, DataSettings, RunSettings
from codaar_core.recipe.toml.interpolation import interpolate
from codaar_core.recipe.toml.literal import describe, literal
from codaar_core.recipe.toml.origin import Origin
from codaar_core.recipe.toml.problem import Problem, RecipeError, place_of
from codaar_core.recipe.toml.reading import DIRECTIVES, Recipe
from codaar_core.recipe.toml.tree import UNREADABLE, Table, Value, merge
from codaar_core.registry import KINDS, Registry, RegistryError, closest, join_or

FORMAT = 1
SUGGESTED_FROM = 50  # blocks whose names are compared with a name: checking stays linear in the number of blocks
ONCE: dict[str, type] = {**SECTIONS, "data": DataSettings}  # settings of the framework in tables that exist once
SWEEP = "sweep"  # the table of a recipe that stands for several runs: see recipe/sweep.py


def check(recipe: Recipe, overrides: Sequence[str] = (), plugins: Sequence[Path] = ()) -> Plan:
    """Check a recipe completely: first against the outlines of its components, then against the components.

    Outlines are read from source files, so most errors are found without importing torch. A recipe without errors is
    checked again by its components, which are imported for this.

    Raises:
        RecipeError: With all problems.
    """
    registry = Registry()
    _RecipeChecker(recipe, registry, registry.outline).plan(tuple(overrides), plugins)
    return _RecipeChecker(recipe, registry, registry.load).plan(tuple(overrides), plugins)


class _RecipeChecker:
    """Checks a recipe section by section; each method records problems and continues."""

    def __init__(self, recipe: Recipe, registry: Registry, component: Loader) -> None:
        self.recipe = recipe
        self.problems: list[Problem] = []
        self.notes: list[Problem] = [*recipe.notes]
        self.unreadable: set[str] = set()  # tables with a reported problem
        tree, found = interpolate(recipe.tree)
        self.problems += found
        self.registry = registry
        self.blocks = Blocks(registry, self.problems, self.notes, component)
        self.tree = self._with_new_names(self._known(tree))

    def plan(self, overrides: tuple[str, ...], plugins: Sequence[Path]) -> Plan:
        """Check all sections.

        Raises:
            RecipeError: With all problems.
        """
        self._format()
        files = self._plugins(plugins)
        sections = {name: self._section(name, settings) for name, settings in SECTIONS.items()}
        modalities = self._valid_names("model.modalities", required=True)
        data, clips = self._data()
        quantizer = self._required("quantizer")
        per_modality = self._per_modality(modalities)
        on = {section: self._switched(section) for section in SWITCHED}
        self._align_needs_two(modalities)
        self._last_pass_needs_a_loss(sections["run"], on["losses"])
        self._best_is_a_metric(sections["run"], on["losses"], on["bench"])
        if self.problems or data is None or clips is None or quantizer is None:  # they exist if there is no problem
            raise RecipeError(self.problems)
        sections["run"] = attrs.evolve(sections["run"], plugins=files)
        return Plan(
            source=self.recipe.source,
            run=sections["run"],
            device=sections["device"],
            optimizer=sections["optimizer"],
            evaluate=sections["evaluate"],
            modalities=sections["model"].modalities,
            data=data,
            batch=clips.batch,
            encoders=per_modality["encoders"],
            decoders=per_modality["decoders"],
            quantizer=quantizer,
            align=tuple(on["align"].values()),
            losses=on["losses"],
            benchmarks=tuple(on["bench"].values()),
            hooks=tuple(on["hooks"].values()),
            recipe=self.recipe,
            resolved={
                "codaar": FORMAT,
                **{name: resolved.settings(settings) for name, settings in sections.items()},
                "data": {**resolved.block(data), **resolved.settings(clips)},
                "quantizer": resolved.block(quantizer),
                **{name: resolved.blocks(blocks) for name, blocks in {**per_modality, **on}.items()},
            },
            overrides=overrides,
            plugins=tuple(map(str, plugins)),
            notes=tuple(sorted(self.notes, key=place_of)),
            weights_from=sections["model"].from_,
            weights_parts=sections["model"].parts,
            accumulate=clips.accumulate,
            validation_share=clips.validation_share,
            workers=clips.workers,
        )

    # Top level

    def _known(self, tree: Table) -> Table:
        """The known tables; a misspelt table is read under the suggested name, so that it causes only one problem."""
        known = Table({}, tree.key)
        for key, node in tree.items.items():
            if key not in ("codaar", SWEEP, *TABLES):
                key = self._unknown_table(key, node, tree)
            if key in TABLES and isinstance(node, Value):
                self._not_a_table(key, node)
            elif key and key != SWEEP:
                known = merge(known, Table({key: node}, tree.key))  # the correct name may be inherited as well
        return known

    def _with_new_names(self, tree: Table) -> Table:
        """The sections of the framework with every setting under its new name."""
        sections = {
            name: self.blocks.with_new_names(SECTIONS[name], name, node)
            for name, node in tree.items.items()
            if name in SECTIONS and isinstance(node, Table)
        }
        return attrs.evolve(tree, items={**tree.items, **sections})

    def _unknown_table(self, key: str, node: Table | Value, tree: Table) -> str:
        """Report a key that is no table of a recipe; gives the table that was meant, if there is one."""
        exact = _paths_ending(key, tree) if isinstance(node, Value) else []
        near = [] if exact else closest(key, ["codaar", *TABLES, *DIRECTIVES, SWEEP])
        what = f"table [{key}]" if isinstance(node, Table) else f"setting {key!r}"
        meant = exact or (near if near or isinstance(node, Table) else _settings_near(key))
        help = f"did you mean {join_or([repr(each) for each in meant])}?" if meant else ""
        tables = f"its tables are {', '.join(sorted(TABLES))}"
        self.problems.append(Problem("unknown-table", f"a recipe has no {what}", node.key, help or tables))
        return next((name for name in near if name not in DIRECTIVES), "")

    def _not_a_table(self, path: str, node: Value) -> None:
        self.unreadable.add(path)
        if node.data is not UNREADABLE:
            help = (
                f"[{path}]\nuse = {literal(node.data)}"
                if isinstance(node.data, str)
                else f"write it as a table [{path}]"
            )
            message = f"{path}: expected a table, got {describe(node.data)}"
            self.problems.append(Problem("wrong-value", message, node.origin, help))

    def _format(self) -> None:
        node = self.tree.items.get("codaar")
        if node is None:
            message, origin = "the recipe does not state its format", self.tree.origin
        elif not isinstance(node, Value) or type(node.data) is not int:
            message, origin = "codaar: expected the number of the recipe format", node.origin
        elif node.data != FORMAT:
            message, origin = f"this codaar-core reads recipe format {FORMAT}, not {node.data}", node.origin
        else:
            return
        if not any(closest(key, ["codaar"]) for key in self.recipe.tree.items if key != "codaar"):
            self.problems.append(Problem("recipe-format", message, origin, f"codaar = {FORMAT}"))

    def _plugins(self, more: Sequence[Path]) -> tuple[str, ...]:
        """Import the local files that the recipe and the command line name; returns their absolute paths."""
        named = [(_beside(origin, name), origin) for name, origin in self._names("run.plugins") or []]
        files: list[str] = []
        for path, origin in [*named, *((Path(path), None) for path in more)]:
            if str(path.resolve()) in files:
                continue
            files.append(str(path.resolve()))
            try:
                self.registry.add_file(path)
            except RegistryError as error:
                self.problems.append(Problem(error.code, error.message, origin, error.help))
        return tuple(files)

    # Sections

    def _table(self, path: str) -> Table:
        """A table of the recipe; empty if the recipe has none."""
        node = self.tree.find(tuple(path.split(".")))
        return node if isinstance(node, Table) else Table({}, self.tree.origin)

    def _section(self, name: str, settings: type) -> Any:
        return None if name in self.unreadable else convert(settings, self._table(name), name, self.problems)

    def _names(self, path: str, required: bool = False) -> list[tuple[str, Origin]] | None:
        """The names in a list, each with its origin; None if the list cannot be read: then all blocks are checked."""
        section, _, key = path.partition(".")
        node = self.tree.find((section, key))
        known = own_keys(SECTIONS[section])
        if any(key in closest(other, known) for other in self._table(section).without(known).items):
            return None  # the list probably stands under this misspelt key
        if node is None:
            return None if required or section in self.unreadable else []
        if not (isinstance(node, Value) and isinstance(node.data, list)):
            return None
        names = {name: node.element(number) for number, name in enumerate(node.data) if isinstance(name, str)}
        return list(names.items())

    def _valid_names(self, path: str, required: bool = False) -> list[tuple[str, Origin]] | None:
        """The names in a list without the invalid ones, which are reported; None if the list cannot be read."""
        names = self._names(path, required)
        if names is None:
            return None
        return [(name, origin) for name, origin in names if self._is_valid(name, path, origin)]

    def _is_valid(self, name: str, path: str, origin: Origin) -> bool:
        """Whether a name follows the rule; one that does not is reported."""
        fault = name_fault(name, path)
        if fault:
            help = "names become folders, columns and modules"
            self.problems.append(Problem("invalid-name", f"{path}: the name {literal(name)} {fault}", origin, help))
        return not fault

    # Blocks

    def _data(self) -> tuple[Block | None, DataSettings | None]:
        block = self._required("data", own_keys(DataSettings))
        return block, self.blocks.framework(DataSettings, "data", self._table("data"))

    def _required(self, name: str, elsewhere: Sequence[str] = ()) -> Block | None:
        """The block of a section with a single block, whose name is its kind."""
        if name in self.unreadable:
            return None
        if name in self.tree.items:
            return self.blocks.block(name, name, self._table(name), elsewhere)
        help = f'[{name}]\nuse = "..."   # `codaar list {KINDS[name].plural}` lists them'
        self.problems.append(Problem("missing-setting", f"the recipe has no [{name}]", self.tree.origin, help))
        return None

    def _inside(self, section: str) -> dict[str, Table]:
        """The blocks of a section by name."""
        blocks = {}
        for name, node in self._table(section).items.items():
            if not self._is_valid(name, section, node.key):
                self.unreadable.add(f"{section}.{name}")
            elif isinstance(node, Table):
                blocks[name] = node
            else:
                self._not_a_table(f"{section}.{name}", node)
        return blocks

    def _per_modality(self, modalities: list[tuple[str, Origin]] | None) -> dict[str, dict[str, Block]]:
        sections = {section: self._inside(section) for section in PER_MODALITY}
        if modalities is not None and "encoders" not in self.unreadable:
            readable = {name: at for name, at in modalities if f"encoders.{name}" not in self.unreadable}
            for problem in mismatches(readable, **sections):
                (self.problems if problem.level == "error" else self.notes).append(problem)
        return {section: self._of_modalities(section, of, modalities) for section, of in sections.items()}

    def _of_modalities(
        self, section: str, blocks: dict[str, Table], modalities: list[tuple[str, Origin]] | None
    ) -> dict[str, Block]:
        """The blocks of the modalities in ``model.modalities``, without those that have a problem."""
        names = [name for name in (blocks if modalities is None else dict(modalities)) if name in blocks]
        found = {name: self.blocks.block(PER_MODALITY[section], f"{section}.{name}", blocks[name]) for name in names}
        return {name: block for name, block in found.items() if block is not None}

    def _switched(self, section: str) -> dict[str, Any]:
        """The blocks of a section that its list switches on, in order."""
        tables = self._inside(section)
        names = self._valid_names(SWITCHED[section].switch)
        on = {name: table.key for name, table in tables.items()} if names is None else dict(names)
        off = {name: table for name, table in tables.items() if name not in on}
        undefined = [name for name in on if name not in tables][:SUGGESTED_FROM]
        defined = [name for name, table in off.items() if table.key.source.is_file][:SUGGESTED_FROM]
        for name, table in off.items():
            meant = undefined if table.key.source.is_file else list(on)[:SUGGESTED_FROM]
            others = [each for each in defined if each != name]
            self._switched_off(section, name, table, closest(name, meant) or closest(name, others))
            if _is_overridden(table):  # the override may have a misspelt key
                self._on(section, name, table, off)
            else:
                self.blocks.switched_off(SWITCHED[section].settings, f"{section}.{name}", table)
        found = {}
        for name, origin in on.items():
            if f"{section}.{name}" not in self.unreadable:
                found[name] = self._on(section, name, tables.get(name, Table({}, origin)), off)
        return found

    def _switched_off(self, section: str, name: str, table: Table, near: list[str]) -> None:
        named = join_or([f"[{section}.{each}]" for each in near])
        help = f"did you mean {named}?" if near else f"{SWITCHED[section].switch} switches blocks on"
        message = f"[{section}.{name}] is not switched on"
        if table.key.source.is_file:
            self.notes.append(Problem("unused-block", message, table.key, help, "note"))
        else:  # files may define unused blocks; an -o without effect is an error
            self.problems.append(Problem("unused-block", message, table.key, help))

    def _on(self, section: str, name: str, table: Table, off: dict[str, Table]) -> Any:
        kind, _, settings = SWITCHED[section]
        path = f"{section}.{name}"
        head = ["head"] if section == "bench" else []
        block = self.blocks.block(kind, path, table, [*own_keys(settings), *head], name, off)
        framework = self.blocks.framework(settings, path, table)
        trained = self._head(path, block, table) if section == "bench" else None
        if block is None or framework is None:
            return None
        if section == "losses":
            return LossPlan(block, framework.weight, framework.pass_)
        if section == "bench":
            return trained and BenchmarkPlan(name, block, trained, **attrs.asdict(framework))
        return block

    def _head(self, path: str, benchmark: Block | None, table: Table) -> Block | None:
        head = table.items.get("head", Table({}, benchmark.origin if benchmark else table.origin))
        if isinstance(head, Value):
            help = f"head = {{ use = {literal(head.data)} }}" if isinstance(head.data, str) else "head = { use = ... }"
            message = f"{path}.head: expected a table, got {describe(head.data)}"
            self.problems.append(Problem("wrong-value", message, head.origin, help))
            return None
        default = self._default_head(benchmark) if benchmark else ""
        unknowable = benchmark is None and "use" not in head.items
        return None if unknowable else self.blocks.block("head", f"{path}.head", head, (), default)

    def _default_head(self, benchmark: Block) -> str:
        """The head that a benchmark names; if several packages have one of this name, that of its own package."""
        use = getattr(benchmark.component, "head", "")
        own = f"{benchmark.entry.provider}:{use}"
        return own if own in [entry.full_name for entry in self.registry.entries("head")] else use

    def _align_needs_two(self, modalities: list[tuple[str, Origin]] | None) -> None:
        steps = self.tree.find(("model", "align"))
        if modalities is not None and len(modalities) < 2 and isinstance(steps, Value) and steps.data:
            message = f"model.align needs two modalities, model.modalities has {len(modalities)}"
            self.problems.append(Problem("lone-modality", message, steps.origin, "align = []"))

    def _last_pass_needs_a_loss(self, run: RunSettings | None, losses: Mapping[str, LossPlan]) -> None:
        updates = self.tree.find(("run", "updates_per_step"))
        if run is None or run.updates_per_step == 1 or not isinstance(updates, Value):
            return
        if losses and all(loss.pass_ == "first" for loss in losses.values()):
            read = ", ".join(f"losses.{name}" for name in losses)
            message = f"run.updates_per_step = {run.updates_per_step}, but no loss reads the last pass: {read}"
            self.problems.append(Problem("idle-pass", message, updates.origin, 'pass = "last" for one of them'))

    def _best_is_a_metric(self, run: RunSettings | None, *switched_on: Mapping[str, object]) -> None:
        best = self.tree.find(("run", "best"))
        fault = metric_fault(run.best, *switched_on) if run is not None else None
        if fault is not None and isinstance(best, Value):
            self.problems.append(Problem("wrong-value", fault[0], best.origin, fault[1]))


def _paths_ending(key: str, tree: Table) -> list[str]:
    """Paths of the settings called ``key``, e.g. of `-o epochs=3`: the framework's, or those that the recipe gives."""
    return settings_called([key]) or [".".join(path) for path, _ in tree.walk() if path[-1] == key and path[1:]]


def _settings_near(key: str) -> list[str]:
    """Paths of the framework's settings with this name, or with the most similar names."""
    known = [name for settings in ONCE.values() for name in own_keys(settings)]
    return settings_called([key]) or settings_called(closest(key, dict.fromkeys(known)))


def settings_called(names: Sequence[str]) -> list[str]:
    """Paths of the framework's settings with one of these names, e.g. run.epochs."""
    return [f"{table}.{key}" for table, settings in ONCE.items() for key in own_keys(settings) if key in names]


def _is_overridden(block: Table) -> bool:
    """Whether a block of a file has a value from the command line."""
    return block.key.source.is_file and any(not value.origin.source.is_file for _, value in block.walk())


def _beside(origin: Origin, name: str) -> Path:
    """Resolve a path: relative to the recipe that names it; on the command line, to the working folder."""
    return Path(origin.source.name).parent / name if origin.source.is_file else Path(name)
