"""Checks of every component that is a module: encoders, decoders, quantizers, losses and heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from codaar_core.api import DataError, Loss, RankAware, Ranks
from codaar_core.engine.devices.batch_ranks import BatchRanks
from codaar_core.engine.training.acceleration.host_state import changes, host_state
from codaar_core.testing.check import Violation, check, expect
from codaar_core.testing.environment import toys
from codaar_core.testing.environment.ranks import UNEVEN, Shares, on_ranks
from codaar_core.testing.subjects import MODULES, ModuleSubject, Outputs

CLIPWISE = tuple(kind for kind in MODULES if kind != "loss")
DRAWS = "dropout and noise belong to training: ask self.training; a loss gives generator=view.generator to its draws"
SAME_CODES = 0.95
DROPOUTS = (nn.modules.dropout._DropoutNd, nn.MultiheadAttention)  # modules that draw random numbers in training


def is_trained(subject: ModuleSubject) -> bool:
    """Whether it has parameters that the training loop trains."""
    return any(True for _ in subject.trained(subject.sample))


def close(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    """Whether they are equal up to rounding."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=tolerance, atol=tolerance)


def differing(one: Outputs, other: Outputs) -> list[str]:
    """Names of the outputs that differ."""
    return [
        name for name in {**one, **other} if name not in one or name not in other or not close(one[name], other[name])
    ]


def run(subject: ModuleSubject, module: nn.Module, inputs: object, seed: int = 0) -> Outputs:
    """The outputs, without gradient, with torch's global generator seeded by ``seed``."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        return dict(subject.outputs(module, inputs))


@check(*MODULES)
def finite(subject: ModuleSubject) -> None:
    """It gives finite numbers for one clip and several, one step and several."""
    for clips, steps in subject.sizes():
        for name, value in run(subject, subject.sample, subject.inputs(clips, steps)).items():
            expect(
                bool(value.isfinite().all()),
                f"{subject.title} gives a {name} that is not finite for {clips} clips of {steps} steps",
                "look for divisions by a count or deviation that is zero for a single clip or step: clamp_min",
            )


@check(*MODULES)
def inputs_unchanged(subject: ModuleSubject) -> None:
    """It does not change its inputs: other components read the same tensors after it."""
    inputs = toys.transform(subject.inputs(), torch.Tensor.detach)
    before = [tensor.clone() for tensor in toys.tensors(inputs)]
    run(subject, subject.build(), inputs)
    same = all(torch.equal(*pair) for pair in zip(before, toys.tensors(inputs), strict=True))
    expect(
        same,
        f"{subject.title} mutated its input in place",
        "write x = x + y, not x += y; no inplace=True on an input",
    )


@check(*MODULES)
def repeatable(subject: ModuleSubject) -> None:
    """In evaluation mode the same input (and view.generator) gives the same output: scores are reproducible."""
    module, inputs = subject.build().eval(), subject.inputs()
    changed = differing(run(subject, module, inputs, seed=1), run(subject, module, inputs, seed=2))
    expect(
        not changed,
        f"{subject.title} gives a different {', '.join(changed)} the second time, in evaluation mode",
        DRAWS,
    )


@check(*CLIPWISE)
def clips_apart(subject: ModuleSubject) -> None:
    """In evaluation mode a clip's output does not depend on the other clips of its batch, nor on their order."""
    module, inputs = subject.build().eval(), subject.inputs()
    together = run(subject, module, inputs)
    order = torch.arange(toys.CLIPS).flip(0)
    alone = run(subject, module, toys.reordered(inputs, torch.tensor([1])))
    changed = [
        *differing(
            {name: value[order] for name, value in together.items()},
            run(subject, module, toys.reordered(inputs, order)),
        ),
        *differing({name: value[1:2] for name, value in together.items()}, alone),
    ]
    expect(
        not changed,
        f"{subject.title}: the {changed and changed[0]} of a clip changes with the other clips of its batch",
        "mix no clips in evaluation mode: statistics over the batch belong to training",
    )


@check(*MODULES)
def masked_steps(subject: ModuleSubject) -> None:
    """Values at masked steps change nothing at real steps, in training too: padding is not data."""
    inputs = subject.inputs(masked=True)
    other = subject.junk(inputs)
    for mode in ("eval", "train"):
        one, two = (getattr(subject.build(), mode)() for _ in range(2))
        before = subject.real(inputs, run(subject, one, inputs))
        after = subject.real(inputs, run(subject, two, other))
        changed = differing(before, after) or differing(dict(one.named_buffers()), dict(two.named_buffers()))
        expect(
            not changed,
            f"{subject.title}: the values at masked steps change {', '.join(changed)} at real steps (.{mode}())",
            "leave steps whose mask is False out of attention, means, maxima, counts and batch statistics",
        )


@check(*MODULES, applies=is_trained)
def gradients(subject: ModuleSubject) -> None:
    """Every parameter gets a finite gradient: what is not trained should not be a parameter."""
    module = subject.build()
    subject.objective(module, subject.inputs()).backward()
    trained = subject.trained(module)
    without = [name for name, each in trained.items() if each.grad is None]
    expect(
        not without,
        f"{subject.title}: no gradient reaches {', '.join(without)}",
        "remove what is not used; a constant is a buffer, a frozen part has requires_grad_(False)",
    )
    infinite = [name for name, each in trained.items() if each.grad is not None and not each.grad.isfinite().all()]
    expect(
        not infinite,
        f"{subject.title}: the gradient of {', '.join(infinite)} is not finite",
        "look for square roots, logarithms and norms at zero: clamp before them, not after",
    )


@check(*MODULES)
def plain_buffers(subject: ModuleSubject) -> None:
    """After a training step no buffer carries a gradient graph: memory would grow with every step."""
    module = subject.build().train()
    objective = subject.objective(module, subject.inputs())
    if objective.requires_grad:
        objective.backward()
    remembering = [name for name, buffer in module.named_buffers() if buffer.requires_grad]
    expect(
        not remembering,
        f"{subject.title}: {', '.join(remembering)} carries a gradient after a training step",
        "detach what goes into a buffer, or change it under torch.no_grad()",
    )


@check(*MODULES)
def state_in_tensors(subject: ModuleSubject) -> None:
    """A training step changes buffers in place, and nothing else: only they are saved, and changed by a CUDA graph."""
    module, inputs = subject.build().train(), subject.inputs()
    before: dict[str, object] = {}
    for _ in range(2):  # the first may build what is kept
        before = host_state(dict(module.named_modules()))
        training_step(subject, module)
        if isinstance(module, Loss):
            module.inner_step(inputs)
    changed = changes(before, host_state(dict(module.named_modules())))
    expect(
        not changed,
        f"{subject.title}: a training step changes {', '.join(changed)} in Python, or puts another tensor there",
        "keep what changes in buffers: self.register_buffer(name, tensor), and self.name.copy_(new) or .add_(1)",
    )


@check(*MODULES)
def float64(subject: ModuleSubject) -> None:
    """It computes in float64 when converted, with nearly the same result: parity is shown in float64."""
    single, inputs = subject.build().eval(), subject.inputs()
    expected = run(subject, single, inputs)
    doubled = run(subject, subject.converted(torch.float64).eval(), toys.as_type(inputs, torch.float64))
    for name, value in doubled.items():
        expect(
            value.dtype == torch.float64 or not value.is_floating_point(),
            f"{subject.title} gives {name} in {value.dtype} where everything is float64",
            "make new tensors like those at hand: x.new_zeros(...), torch.zeros_like(x); no .float()",
        )
        expect(
            close(expected[name].to(value.dtype), value, 1e-3),
            f"{subject.title}: {name} in float64 is far from that in float32",
            "look for sums of many small or differences of large numbers",
        )


@check(*MODULES)
def autocast(subject: ModuleSubject) -> None:
    """Under autocast to bfloat16 and float16 it gives finite numbers, and nearly the same codes as without."""
    module, inputs = subject.build().eval(), subject.inputs()
    expected = run(subject, module, inputs)
    for narrow in ("bfloat16", "float16"):
        _compare_narrow(subject, narrow, _run_narrow(subject, module, inputs, narrow), expected)


def _run_narrow(subject: ModuleSubject, module: nn.Module, inputs: object, narrow: str) -> Outputs:
    try:
        with torch.autocast("cpu", getattr(torch, narrow)):
            return run(subject, module, inputs)
    except RuntimeError as error:
        if "primitive" in str(error):
            raise DataError(f"torch cannot compute an operation of it in {narrow} on this CPU") from error
        raise


def _compare_narrow(subject: ModuleSubject, narrow: str, given: Outputs, expected: Outputs) -> None:
    for name, value in given.items():
        expect(
            bool(value.isfinite().all()),
            f"{subject.title} gives a {name} that is not finite under autocast to {narrow}",
            "compute sums, norms and exponentials in float32: with torch.autocast(x.device.type, enabled=False)",
        )
        if not value.is_floating_point():
            same = float((value == expected[name]).double().mean())
            expect(
                same >= SAME_CODES,
                f"{subject.title}: only {same:.0%} of {name} are the same under autocast to {narrow}",
                "compute distances in float32: with torch.autocast(x.device.type, enabled=False)",
            )


@check(*MODULES)
def deterministic(subject: ModuleSubject) -> None:
    """With `device.deterministic`, the same seed gives exactly the same training step: values and gradients."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (training_step(subject, subject.build().train()) for _ in range(2))
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise Violation(
            f"{subject.title} has no deterministic algorithm: {str(error).splitlines()[0]}",
            "use an operation that has one; for sums under indices, index_add",
        ) from error
    finally:
        torch.use_deterministic_algorithms(before)
    changed = [name for name, value in first.items() if not torch.equal(value, second[name])]
    expect(
        not changed,
        f"{subject.title}: with the same seed, {', '.join(changed)} differs in the second training step",
        "draw from torch's generator or the view's only, not from Python's or NumPy's; keep the order of sets fixed",
    )


@check("encoder", "decoder", "quantizer", "loss")
def compiles(subject: ModuleSubject) -> None:
    """Compiled (`device.compile`), it gives the same values and gradients; it is traced only, not compiled."""
    from torch._dynamo.exc import TorchDynamoException  # imports the compiler, which takes a second

    help = "mark what must not be traced with @codaar_core.api.not_compiled"
    plain = training_step(subject, subject.build().eval())
    traced = subject.build().eval()
    method = "quantize" if subject.kind == "quantizer" else "forward"
    setattr(traced, method, torch.compile(getattr(traced, method), backend="eager"))
    try:
        changed = differing(plain, training_step(subject, traced))
    except TorchDynamoException as error:
        raise Violation(f"torch cannot compile {subject.title}: {str(error).splitlines()[0]}", help) from error
    expect(not changed, f"{subject.title}: compiled, its {', '.join(changed)} differs", help)


def training_step(subject: ModuleSubject, module: nn.Module) -> Outputs:
    """Values and gradients when torch's global generator starts at the subject's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(subject.seed)
        inputs = subject.inputs()
        objective = subject.objective(module, inputs)
        if objective.requires_grad:
            objective.backward()
    leaves = {f"input {number}": each for number, each in enumerate(toys.tensors(inputs)) if each.is_leaf}
    gradients = {**leaves, **subject.trained(module)}
    grads = {f"gradient of {name}": each.grad for name, each in gradients.items() if each.grad is not None}
    return {"objective": objective.detach(), **grads}


@check(*MODULES)
def other_device(subject: ModuleSubject) -> None:
    """Moved to another device, it computes there; checked on torch's "meta" device."""
    module = subject.converted("meta")
    inputs = toys.transform(subject.inputs(masked=True), lambda tensor: tensor.detach().to("meta"))
    try:
        subject.outputs(module, inputs)
    except RuntimeError as error:
        mixes = "device" in str(error) and "no data" not in str(error)
        if mixes:
            raise Violation(
                f"{subject.title} mixes devices when it is moved: {str(error).splitlines()[0]}",
                "make constants where the input is: x.new_zeros(...), device=x.device, or self.register_buffer",
            ) from error


@check("encoder", "decoder", "quantizer", "loss")
def training_on_ranks(subject: ModuleSubject) -> None:
    """In training, two and three ranks with parts of the clips give the outputs and gradients of one process with all.

    The parts are uneven, steps are masked, and one rank has no clip.
    """
    training = not _draws_in_training(subject)  # torch's generator gives ranks other numbers than one process
    module = subject.build()
    _set_mode(module, training)
    inputs = _leaves(subject.inputs(clips=8, masked=True))
    whole = subject.differentiable(module, inputs)
    expected = _all_gradients(subject, whole, inputs, [module])
    for shares in UNEVEN:
        divided = _leaves(inputs)
        copies = [subject.build() for _ in shares.clips]
        parts = _on_ranks(subject, shares, copies, divided, training)
        _compare_ranks(subject, shares, "", whole, parts)
        gradients = _all_gradients(subject, parts, divided, copies)
        _compare_ranks(subject, shares, "the gradient of ", expected, gradients)
        for copy in copies:
            _compare_ranks(subject, shares, "the buffer ", dict(module.named_buffers()), dict(copy.named_buffers()))


def _on_ranks(
    subject: ModuleSubject, shares: Shares, copies: Sequence[nn.Module], inputs: Any, training: bool
) -> Outputs:
    """The outputs for all clips, each part of them computed by one of the copies."""
    parts = shares.divide(inputs)

    def outputs(ranks: Ranks) -> Outputs:
        copy = copies[ranks.rank]
        _set_mode(copy, training)
        _join(copy, ranks)
        return subject.differentiable(copy, parts[ranks.rank], BatchRanks(ranks, shares.clips))

    return subject.joined(on_ranks(outputs, len(shares.clips), gradients=True), shares.clips)


def _compare_ranks(subject: ModuleSubject, shares: Shares, what: str, expected: Outputs, given: Outputs) -> None:
    changed = [name for name, value in expected.items() if name not in given or not close(given[name], value, 1e-4)]
    expect(
        not changed,
        f"{subject.title}: with the clips on {shares.title}, {what}{', '.join(changed)} differs from a single process",
        "take statistics over the clips of all ranks: ranks.sum(...) and ranks.gather(...), with view.ranks in a loss, "
        "with the ranks given to join(ranks) in any other module (codaar_core.api.RankAware); divide by "
        "ranks.sum(count) / ranks.size; draw for the clips of all ranks (codaar_core.api.uniform_by_clip); "
        "of codaar_core.api.Shared, sums have no gradient: errors belong to kept",
    )


def _draws_in_training(subject: ModuleSubject) -> bool:
    module = subject.build()
    _set_mode(module, training=True)
    return subject.draws(module, subject.inputs(masked=True))


def _set_mode(module: nn.Module, training: bool) -> None:
    """Training without dropout, or evaluation."""
    module.train(training)
    for part in module.modules():
        if isinstance(part, DROPOUTS):
            part.eval()


def _leaves(inputs: Any) -> Any:
    """A copy of the inputs whose floating-point tensors are leaves that want a gradient."""
    return toys.transform(inputs, lambda each: each.detach().clone().requires_grad_(each.is_floating_point()))


def _join(module: nn.Module, ranks: Ranks) -> None:
    """Join the ranks, as the training loop does before the first step."""
    for part in module.modules():
        if isinstance(part, RankAware):
            part.join(ranks)


def _all_gradients(subject: ModuleSubject, outputs: Outputs, inputs: Any, copies: Sequence[nn.Module]) -> Outputs:
    """Gradients of inputs and parameters, those of the copies of a module added up."""
    scalar = subject.scalar(outputs)
    if not scalar.requires_grad:
        return {}
    leaves = {f"input {number}": [each] for number, each in enumerate(toys.tensors(inputs)) if each.requires_grad}
    around = [named for part in subject.surroundings() for named in part.named_parameters()]
    leaves.update({f"{name} of the model": [each] for name, each in around if each.requires_grad})
    for name in subject.trained(copies[0]):
        leaves[name] = [copy.get_parameter(name) for copy in copies]
    flat = [each for group in leaves.values() for each in group]
    found = iter(torch.autograd.grad(scalar, flat, allow_unused=True, materialize_grads=True))
    return {name: torch.stack([next(found) for _ in group]).sum(0) for name, group in leaves.items()}


@check("encoder", "decoder", "loss", "head")
def evaluation_keeps_state(subject: ModuleSubject) -> None:
    """In evaluation mode its state does not change: a measurement must not change the model."""
    module = subject.build().eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    run(subject, module, subject.inputs())
    changed = [name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])]
    expect(
        not changed,
        f"{subject.title} changes {', '.join(changed)} in evaluation mode",
        "ask self.training before you change a buffer",
    )


@check(*MODULES)
def saves(subject: ModuleSubject) -> None:
    """Its state can be saved as safetensors and loaded into a new module that computes the same."""
    module, inputs = subject.build().eval(), subject.inputs()
    fresh = attrs.evolve(subject, seed=subject.seed + 1).build(subject.context).eval()
    fresh.load_state_dict(load(_saved(subject, module)))
    changed = differing(run(subject, module, inputs), run(subject, fresh, inputs))
    expect(
        not changed,
        f"{subject.title} gives a different {', '.join(changed)} after saving and loading",
        "register every tensor that it computes with: nn.Parameter, or self.register_buffer(name, tensor)",
    )


def _saved(subject: ModuleSubject, module: nn.Module) -> bytes:
    state = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    twice = list(_sharing(state))
    expect(
        not twice,
        f"{subject.title}: {' and '.join(twice)} share memory, which a checkpoint cannot hold",
        "register a tensor once, and use it under that name everywhere",
    )
    try:
        return save(state)
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise Violation(f"{subject.title} cannot be saved: {error}", "keep plain dense tensors in its state") from error


def _sharing(state: dict[str, Tensor]) -> Iterator[str]:
    names: dict[int, str] = {}
    for name, tensor in state.items():
        place = tensor.untyped_storage().data_ptr()
        if tensor.numel() and place in names:
            yield from (names[place], name)
            return
        names[place] = name
