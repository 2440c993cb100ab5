"""Subjects: a component under test, with the surroundings, inputs and outputs that its kind has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple, TypeVar, cast

import attrs
import torch
from torch import Tensor, nn

from codaar_core.api import (
    AlignmentContext,
    AlignmentStep,
    Benchmark,
    BenchmarkContext,
    Component,
    ComponentError,
    DataContext,
    DataError,
    DataSource,
    Decoder,
    DecoderContext,
    Encoded,
    Encoder,
    EncoderContext,
    Extractor,
    ExtractorContext,
    Features,
    HeadContext,
    Loss,
    LossContext,
    Quantized,
    Quantizer,
    QuantizerContext,
    Space,
    Split,
    StepView,
    TaskHead,
)
from codaar_core.engine.model import estimated
from codaar_core.testing import toy_model, toys
from codaar_core.testing.check import Violation
from codaar_core.testing.toy_recordings import WRITERS
from codaar_core.testing.toys import CLIPS, CODES, LATENT, MODALITIES, SHAPES, STEPS, generator_of

TEST_CLIPS = 200  # at most
PRIVATE = toy_model.ToyEncoder.Config(private=toys.PRIVATE.shape)

S = TypeVar("S", bound="Subject")
Outputs = Mapping[str, Tensor]
Rows = Mapping[str, Tensor]
Step = Callable[[Rows], Rows]


@attrs.frozen(slots=False)
class Subject:
    """A component under test."""

    kind: str
    name: str
    component: type[Component]
    data: tuple[DataSubject, ...] = ()  # the data sources of the same package, for benchmarks
    seed: int = 0

    @property
    def title(self) -> str:
        """The component's name for messages."""
        return self.component.__name__

    @cached_property
    def config(self) -> Any:
        """Default settings, those of ``example`` changed."""
        example = dict(self.component.example)
        try:
            return self.component.Config(**example)
        except Exception as error:
            raise Violation(
                f"{self.title}.Config cannot be made of {example or 'its defaults'}: {error}",
                f"give {self.title} a class attribute `example = {{...}}` of valid settings to be checked with",
            ) from error

    def having(self: S, config: Any) -> S:
        """The same component with other settings."""
        other = attrs.evolve(self)
        vars(other)["config"] = config
        return other

    def contexts(self) -> Iterable[Any]:
        """Surroundings to try; the first that the component accepts is taken."""
        return ()

    @cached_property
    def context(self) -> Any:
        """Surroundings that the component accepts."""
        refusals = []
        for context in self.contexts():
            try:
                self.build(context)
            except ComponentError as error:
                refusals.append(error.message)
            else:
                return context
        raise Violation(
            f"{self.title} refuses every toy context: {'; '.join(dict.fromkeys(refusals))}",
            "take widths and modalities from the context, and give it an `example` of settings that suit small widths",
        )

    def build(self, context: Any = None) -> Any:
        """Build it anew: the same component every time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.component(self.config, self.context if context is None else context)

    @cached_property
    def sample(self) -> Any:
        """One that is built, to look at; checks that change something build their own."""
        return self.build()

    def generator(self) -> torch.Generator:
        """Fresh, for inputs."""
        return generator_of(self.seed)


class ModuleSubject(Subject, ABC):
    """A component that is a module: inputs go in, named tensors come out."""

    @abstractmethod
    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> Any:
        """Inputs of a size, always the same."""

    @abstractmethod
    def outputs(self, module: nn.Module, inputs: Any) -> Outputs:
        """What the module makes of them."""

    @abstractmethod
    def junk(self, inputs: Any) -> Any:
        """Masked inputs with junk at the masked steps."""

    def real(self, inputs: Any, outputs: Outputs) -> Outputs:
        """What is promised to be independent of masked steps."""
        return outputs

    def objective(self, module: nn.Module, inputs: Any) -> Tensor:
        """A scalar that depends on everything that comes out."""
        generator = generator_of(self.seed)
        values = [each for each in self.outputs(module, inputs).values() if each.is_floating_point()]
        return sum(((each * torch.randn(each.shape, generator=generator)).sum() for each in values), torch.zeros(()))

    def sizes(self) -> list[tuple[int, int]]:
        """Numbers of clips and steps to try."""
        return list(product((1, CLIPS), (1, STEPS)))

    def trained(self, module: nn.Module) -> dict[str, nn.Parameter]:
        """Parameters that the training loop trains, by name."""
        return {name: each for name, each in module.named_parameters() if each.requires_grad}

    def surroundings(self) -> Iterable[nn.Module]:
        """Modules that its context shows to it."""
        return ()

    def converted(self, to: torch.dtype | str) -> nn.Module:
        """One in another precision or on another device, as is all that surrounds it."""
        apart = deepcopy(self)
        for part in apart.surroundings():
            part.to(to)
        return apart.build().to(to)


class EncoderSubject(ModuleSubject):
    """An encoder of one modality."""

    component: type[Encoder]

    def contexts(self) -> Iterator[EncoderContext]:
        """Vectors, maps and pictures; of any and of fixed length."""
        for length, shape in product((None, STEPS), SHAPES):
            yield EncoderContext(MODALITIES[0], Space(shape, length), LATENT)

    def sizes(self) -> list[tuple[int, int]]:
        """One step too, unless the encoder wants a fixed number."""
        fixed = self.context.input.length
        return [size for size in super().sizes() if fixed in (None, size[1])]

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> Features:
        """Features."""
        return toys.features_of(self.context.input, clips, steps, self.generator(), masked)

    def outputs(self, module: nn.Module, inputs: Features) -> Outputs:
        """What is there of latents, private features and target."""
        given = module(inputs)._asdict()
        return {name: given[name] for name in ("semantic", "private", "target") if given[name] is not None}

    def junk(self, inputs: Features) -> Features:
        """Junk features."""
        return toys.junk_where_masked(inputs, inputs.mask, self.generator())

    def real(self, inputs: Features, outputs: Outputs) -> Outputs:
        """All at real steps."""
        return {name: value[inputs.mask] for name, value in outputs.items()}


class DecoderSubject(ModuleSubject):
    """A decoder of one modality."""

    component: type[Decoder]

    def contexts(self) -> Iterator[DecoderContext]:
        """Vectors from vectors, maps from the smaller maps of convolutions, and either from nothing."""
        for shape in SHAPES:
            for private in _privates(shape):
                given = None if private is None else Space(private)
                yield DecoderContext(MODALITIES[0], CODES, given, Space(shape))

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> tuple[Encoded, Quantized]:
        """Private features and full codes."""
        generator, space = self.generator(), self.context.private
        codes = toys.codes_of(CODES, LATENT, clips, steps, generator, masked)
        private = None if space is None else toys.features_of(space, clips, steps, generator).values
        target = toys.features_of(self.context.output, clips, steps, generator).values
        return Encoded(codes.own.clone(), private, codes.mask, target), codes

    def outputs(self, module: nn.Module, inputs: tuple[Encoded, Quantized]) -> Outputs:
        """The reconstruction."""
        return {"reconstruction": module(*inputs)}

    def junk(self, inputs: tuple[Encoded, Quantized]) -> tuple[Encoded, Quantized]:
        """Junk codes and private features."""
        return toys.junk_where_masked(inputs, inputs[1].mask, self.generator())

    def real(self, inputs: tuple[Encoded, Quantized], outputs: Outputs) -> Outputs:
        """The reconstruction of real steps."""
        return {name: value[inputs[1].mask] for name, value in outputs.items()}


def _privates(shape: tuple[int, ...]) -> Iterator[tuple[int, ...] | None]:
    yield (6,)
    if len(shape) == 3:
        yield from ((shape[0] - lost, shape[1] - lost, 6) for lost in (0, 2, 4) if shape[0] > lost)
    yield None


class QuantizerSubject(ModuleSubject):
    """A quantizer of three modalities."""

    component: type[Quantizer]

    def contexts(self) -> Iterator[QuantizerContext]:
        """Three modalities; two or one where it wants no more."""
        return (QuantizerContext(MODALITIES[:number]) for number in (3, 2, 1))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those it is built for."""
        return self.context.modalities

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> dict[str, Encoded]:
        """Latents of all modalities, each with a mask of its own."""
        generator = self.generator()
        return {m: toys.encoded_of(self.sample.latent, clips, steps, generator, masked) for m in self.modalities}

    def outputs(self, module: Any, inputs: Mapping[str, Encoded]) -> Outputs:
        """Indices, codes and distances of all modalities."""
        return {
            f"{modality}.{name}": value
            for modality, codes in module.quantize(inputs).items()
            for name, value in codes._asdict().items()
            if value is not None and name != "mask"
        }

    def junk(self, inputs: Mapping[str, Encoded]) -> dict[str, Encoded]:
        """Junk latents."""
        return {m: toys.junk_where_masked(item, item.mask, self.generator()) for m, item in inputs.items()}

    def real(self, inputs: Mapping[str, Encoded], outputs: Outputs) -> Outputs:
        """Codes of real steps."""
        return {name: value[inputs[name.partition(".")[0]].mask] for name, value in outputs.items()}


class LossSubject(ModuleSubject):
    """A loss over three modalities."""

    component: type[Loss]

    def contexts(self) -> Iterator[LossContext]:
        """Three modalities, fewer where it wants no more; codewords that follow averages, or learned ones."""
        return (loss_context(number, learned) for learned, number in product((False, True), (3, 2, 1)))

    @property
    def learned(self) -> bool:
        """Whether it wants codewords that are parameters."""
        return any(True for _ in self.context.quantizer.parameters())

    def sizes(self) -> list[tuple[int, int]]:
        """Always several steps: a loss may predict the next."""
        return [(1, STEPS), (CLIPS, STEPS)]

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> StepView:
        """The view of a step."""
        return toys.view_of(self.context.modalities, clips, steps, self.seed, masked)

    def outputs(self, module: nn.Module, inputs: StepView) -> Outputs:
        """The terms; the generator of the step always starts anew."""
        return module(attrs.evolve(inputs, generator=generator_of(self.seed)))

    def junk(self, inputs: StepView) -> StepView:
        """Junk everywhere but in the masks."""
        masks = {m: item.mask for m, item in inputs.encoded.items()}
        changed: dict[str, Any] = {
            name: {m: toys.junk_where_masked(item, masks[m], self.generator()) for m, item in records.items()}
            for name, records in (
                ("inputs", inputs.inputs),
                ("encoded", inputs.encoded),
                ("quantized", inputs.quantized),
                ("decoded", inputs.decoded),
            )
        }
        return attrs.evolve(inputs, **changed)

    def objective(self, module: nn.Module, inputs: StepView) -> Tensor:
        """The sum of the terms."""
        return sum(self.outputs(module, inputs).values(), torch.zeros(()))

    def trained(self, module: nn.Module) -> dict[str, nn.Parameter]:
        """Those that its own optimizer does not hold."""
        own = estimated(cast(Loss, module))
        return {name: each for name, each in super().trained(module).items() if each not in own}

    def surroundings(self) -> Iterable[nn.Module]:
        """The parts of the model that a loss may read."""
        return (*self.context.encoders.values(), self.context.quantizer)


def loss_context(modalities: int, learned: bool) -> LossContext:
    """The context of a loss over so many modalities of a toy model; always the same."""
    names = MODALITIES[:modalities]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(modalities)
        encoders = {m: toy_model.ToyEncoder(PRIVATE, EncoderContext(m, LATENT, LATENT)) for m in names}
        quantizer = toy_model.ToyQuantizer(toy_model.ToyQuantizer.Config(learned=learned), QuantizerContext(names))
    return LossContext(names, LATENT, quantizer.codes, dict.fromkeys(names, LATENT), encoders, quantizer)


class HeadInputs(NamedTuple):
    """The arguments of a head's ``forward``."""

    codes: Quantized
    given: Tensor | None = None  # where it is made for benchmarks that give something besides

    def through(self, head: TaskHead) -> Tensor:
        """The logits."""
        return head(self.codes) if self.given is None else head(self.codes, self.given)


class HeadSubject(ModuleSubject):
    """A task head, with what it is given besides codes."""

    component: type[TaskHead]

    def contexts(self) -> Iterator[HeadContext]:
        """Three classes."""
        yield HeadContext(CODES, LATENT, toys.CLASSES, self.component.example_given)

    @property
    def label(self) -> Tensor:
        """The class (B,) of each clip of ``inputs``."""
        return torch.arange(CLIPS) % len(toys.CLASSES)

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> HeadInputs:
        """Codes, and normal numbers to be given besides."""
        generator, given = self.generator(), self.component.example_given
        codes = toys.codes_of(CODES, LATENT, clips, steps, generator, masked)
        return HeadInputs(codes, None if given is None else torch.randn(clips, *given.shape, generator=generator))

    def outputs(self, module: Any, inputs: HeadInputs) -> Outputs:
        """The logits."""
        return {"logits": inputs.through(module)}

    def junk(self, inputs: HeadInputs) -> HeadInputs:
        """Junk codes."""
        return inputs._replace(codes=toys.junk_where_masked(inputs.codes, inputs.codes.mask, self.generator()))

    def real(self, inputs: HeadInputs, outputs: Outputs) -> Outputs:
        """Logits of clips, or those of real steps."""
        mask, steps = inputs.codes.mask, inputs.codes.indices.shape
        return {name: value[mask] if value.shape[:2] == steps else value for name, value in outputs.items()}

    def target(self, head: TaskHead, inputs: HeadInputs) -> Tensor:
        """What its loss accepts: a class or classes, of each clip or of each step; else the form of a prediction.

        Raises:
            Violation: It accepts nothing.
        """
        return self.accepted(head, inputs)[1]

    def accepted(self, head: TaskHead, inputs: HeadInputs) -> tuple[str, Tensor]:
        """The first form of a target that its loss accepts, and the target.

        Raises:
            Violation: It accepts nothing.
        """
        logits = inputs.through(head)
        refusals = []
        for form, target in toys.target_forms(self.label, inputs.codes.indices.shape, head.predict(logits)).items():
            try:
                if head.loss(logits, target).dim() == 0:
                    return form, target
            except Exception as error:
                refusals.append(f"{target.dtype} {tuple(target.shape)}: {' '.join(str(error).split())}")
        raise Violation(
            f"{self.title}.loss gives no scalar for any kind of target: {'; '.join(refusals)}",
            "let loss(logits, target) give one scalar for what a benchmark's split has as targets",
        )

    def objective(self, module: Any, inputs: HeadInputs) -> Tensor:
        """The head's own loss, where it is trained."""
        if not self.trained(module):
            return super().objective(module, inputs)
        return module.loss(inputs.through(module), self.target(module, inputs))


class AlignmentSubject(Subject):
    """An alignment step, for two to five modalities."""

    component: type[AlignmentStep]

    def contexts(self) -> Iterator[AlignmentContext]:
        """Three modalities, or another number."""
        return (AlignmentContext(MODALITIES[:number]) for number in (3, 2, 4, 5))

    @property
    def functions(self) -> tuple[str, ...]:
        """Which of ``mix`` and ``adjust`` it defines."""
        return tuple(
            name for name in ("mix", "adjust") if getattr(self.component, name) is not getattr(AlignmentStep, name)
        )

    def built(self) -> Iterator[tuple[AlignmentStep, tuple[str, ...]]]:
        """The step for each number of modalities that it accepts, and their names."""
        for number in (2, 3, 4, 5):
            names = MODALITIES[:number]
            try:
                yield self.build(AlignmentContext(names)), names
            except ComponentError:
                continue

    def cases(self, dtype: torch.dtype = torch.float64) -> Iterator[tuple[str, Step, dict[str, Tensor]]]:
        """Each defined function, for every number of modalities: its name, itself, and rows (N, D) to give to it."""
        for step, names in self.built():
            for function in self.functions:
                yield f"{self.title}.{function}", getattr(step, function), self.rows(names, dtype)

    def rows(self, names: tuple[str, ...], dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
        """Rows (N, D) of each modality."""
        generator = self.generator()
        return {name: torch.randn(12, 4, generator=generator).to(dtype) for name in names}

    def matrices(self) -> Iterator[tuple[AlignmentStep, tuple[str, ...], Tensor]]:
        """The matrix for each number of modalities that has one."""
        for step, names in self.built():
            matrix = step.matrix(names)
            if matrix is not None:
                yield step, names, matrix.double()


class DataSubject(Subject):
    """A data source, seen through all its modalities."""

    component: type[DataSource]

    def contexts(self) -> Iterator[DataContext]:
        """All its modalities; its spaces are known before it is told which are wanted."""
        try:
            modalities = tuple(self.build(DataContext(())).spaces)
        except ComponentError as error:
            raise Violation(
                f"{self.title} cannot be built: {error.message}",
                "give it an `example` of settings; let it build before it knows which modalities are wanted",
            ) from error
        if not modalities:
            raise Violation(f"{self.title}.spaces is empty", "give the space of every modality that the source has")
        yield DataContext(modalities)

    def synthetic(self, clips: int = CLIPS, seed: int | None = None) -> Split:
        """Random clips of a fresh source."""
        try:
            return self.build().synthetic(clips, self.seed if seed is None else seed)
        except DataError as error:
            raise Violation(
                f"{self.title}.synthetic looks for files: {error.message}",
                "make random features of the spaces' shapes; dry runs have no files",
            ) from error


class BenchmarkSubject(Subject):
    """A benchmark, over the data of its package where there are such, else over toy data of what it needs."""

    component: type[Benchmark]

    def contexts(self) -> Iterator[BenchmarkContext]:
        """Over each data source it may have been made for, in each mode."""
        for mode, data in product(("strict", "as-published"), self._sources()):
            yield BenchmarkContext(tuple(data.spaces), data, mode)

    def _sources(self) -> list[DataSource]:
        return [*(source.sample for source in self.data), toys.toy_data(self.component.needs)]

    @property
    def tested(self) -> list[str]:
        """The modalities of its transfers."""
        return list(dict.fromkeys(modality for transfer in self.sample.transfers() for modality in transfer))

    @cached_property
    def truths(self) -> dict[str, Tensor]:
        """What is true of the first test clips, by modality."""
        splits = {modality: self.sample.split("test", modality) for modality in self.tested}
        return {m: split[range(min(TEST_CLIPS, len(split)))].targets[m] for m, split in splits.items()}


class ExtractorSubject(Subject):
    """An extractor of sentences, or of files some of which can be made here."""

    component: type[Extractor]

    def contexts(self) -> Iterator[ExtractorContext]:
        """The device that is always there."""
        yield ExtractorContext(torch.device("cpu"))

    @property
    def can_be_tried(self) -> bool:
        """Whether there is something to be read."""
        return bool(self.suffix or not self.component.suffixes)

    @property
    def suffix(self) -> str:
        """The first suffix it reads of those of which files can be made; empty where there is none."""
        return next((each for each in self.component.suffixes if each in WRITERS), "")


SUBJECTS: Mapping[str, type[Subject]] = {
    "extractor": ExtractorSubject,
    "encoder": EncoderSubject,
    "decoder": DecoderSubject,
    "quantizer": QuantizerSubject,
    "alignment": AlignmentSubject,
    "loss": LossSubject,
    "head": HeadSubject,
    "data": DataSubject,
    "benchmark": BenchmarkSubject,
}
"""How components of a kind are put to the test; of the other kinds, only the settings are."""

MODULES = tuple(kind for kind, subject in SUBJECTS.items() if issubclass(subject, ModuleSubject))


def subject_of(kind: str, name: str, component: type[Component], **more: Any) -> Subject:
    """The subject for a component of a kind."""
    return SUBJECTS.get(kind, Subject)(kind, name, component, **more)
