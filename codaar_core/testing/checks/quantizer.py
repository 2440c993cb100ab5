"""Checks of quantizers, in addition to those of every module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import torch
from torch import Tensor

from codaar_core.api import Encoded, Quantized, Quantizer, Ranks
from codaar_core.testing.check import check, expect
from codaar_core.testing.checks.module import close
from codaar_core.testing.environment import toys
from codaar_core.testing.environment.ranks import UNEVEN, Shares, SingleProcess, on_ranks
from codaar_core.testing.subjects import QuantizerSubject

MUTATED = "quantize only reads; move codewords in update(), revive them in reset()"
UPDATES = 20
NEIGHBOURS = (float("nan"), float("inf"), 1e30)  # values of latents that an encoder gives for unusable features


def is_updated(subject: QuantizerSubject) -> bool:
    """Whether codewords are moved by update, not by gradient."""
    return subject.component.update is not Quantizer.update


def is_replaced(subject: QuantizerSubject) -> bool:
    """Whether aligned codebooks can be given back to it."""
    return subject.component.replace is not Quantizer.replace


def gives_distances(subject: QuantizerSubject) -> bool:
    """Whether it promises distances to all codewords."""
    return bool(subject.sample.gives_distances)


def state(quantizer: Quantizer) -> dict[str, Tensor]:
    """A copy of everything it keeps."""
    return {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}


def same_codes(one: Quantized, other: Quantized) -> bool:
    """Whether indices are equal, and codes up to rounding."""
    return torch.equal(one.indices, other.indices) and close(one.own, other.own) and close(one.full, other.full)


def trained(subject: QuantizerSubject) -> Quantizer:
    """A quantizer after one update, so that modalities differ and counts are in use."""
    quantizer = subject.build()
    if is_updated(subject):
        step(quantizer, subject.inputs(clips=8), SingleProcess())
    return quantizer


@torch.no_grad()
def step(quantizer: Quantizer, encoded: Mapping[str, Encoded], ranks: Ranks) -> None:
    """Change the codebooks as the training loop does in one step."""
    assigned = quantizer.quantize(encoded)
    quantizer.update(quantizer.targets(encoded, assigned), assigned, ranks)
    quantizer.reset(assigned, toys.generator_of(0), ranks)


@check("quantizer")
def record(subject: QuantizerSubject) -> None:
    """It gives a Quantized with the declared widths: losses, decoders and heads are built from these."""
    quantizer = subject.sample
    books, size, width = quantizer.codebooks(), quantizer.size, quantizer.latent.width
    expect(
        type(quantizer.levels) is int and quantizer.levels > 0 and size % quantizer.levels == 0,
        f"{subject.title}: {quantizer.levels!r} levels do not divide {size} codewords",
        "let levels be the number of codes of a time step, and size the codewords of all levels together",
    )
    for modality, book in books.items():
        _check_shape(subject, f"codebooks()[{modality!r}]", book, (size, width))
    expect(
        set(books) == set(subject.modalities),
        f"{subject.title}.codebooks() should have {list(subject.modalities)}, it has {list(books)}",
        "give a codebook for every modality; those that share one give the same tensor",
    )
    for steps in subject.sizes():
        for codes in quantizer.quantize(subject.inputs(*steps)).values():
            expect(
                isinstance(codes, Quantized), f"{subject.title} gives {type(codes).__name__}", "return Quantized(...)"
            )
            _check_shape(subject, "indices", codes.indices, (*steps, *quantizer.index_shape))
            _check_shape(subject, "own", codes.own, (*steps, width))
            _check_shape(subject, "full", codes.full, (*steps, quantizer.code_space.width))
            if codes.distances is not None:
                _check_shape(subject, "distances", codes.distances, (*steps, size))


def _check_shape(subject: QuantizerSubject, name: str, value: Tensor, expected: tuple[int, ...]) -> None:
    expect(
        tuple(value.shape) == expected,
        f"{subject.title}: {name} should be {expected}, it is {tuple(value.shape)}",
        "let latent, code_space and size match what quantize gives",
    )


@check("quantizer")
def quantize_is_pure(subject: QuantizerSubject) -> None:
    """quantize changes no state, even in training: codebooks move only in update, once a step."""
    for mode in ("train", "eval"):
        quantizer = getattr(trained(subject), mode)()
        before = state(quantizer)
        quantizer.quantize(subject.inputs())
        for name, tensor in state(quantizer).items():
            expect(
                torch.equal(tensor, before[name]),
                f"{subject.title}.quantize mutated {name} in place (.{mode}())",
                MUTATED,
            )


@check("quantizer")
def codes_are_copies(subject: QuantizerSubject) -> None:
    """Codes are copies of codewords: changing a code in place must not change the codebook."""
    quantizer, encoded = trained(subject), subject.inputs()
    before = state(quantizer)
    modality = subject.modalities[0]
    with torch.no_grad():
        codes = quantizer.quantize(encoded)[modality]
        for each in (codes, quantizer.lookup(modality, codes.indices)):
            each.own.add_(1)
            each.full.add_(1)
    unchanged = all(torch.equal(tensor, before[name]) for name, tensor in state(quantizer).items())
    expect(
        unchanged,
        f"{subject.title} gives views of its codebook: changing a code in place changes the codebook",
        "pick codewords by index (codewords[indices] copies), or clone() them",
    )


@check("quantizer")
def any_subset(subject: QuantizerSubject) -> None:
    """It quantizes any subset of the modalities: evaluation gives it one modality at a time."""
    quantizer, encoded = trained(subject).eval(), subject.inputs()
    whole = quantizer.quantize(encoded)
    for subset in _subsets(subject.modalities):
        named = f"{subject.title}.quantize({', '.join(subset)})"
        try:
            codes = quantizer.quantize({m: encoded[m] for m in subset})
        except (KeyError, IndexError, RuntimeError) as error:
            expect(False, f"{named} fails: {type(error).__name__}: {error}", "use only the modalities that are given")
        expect(set(codes) == set(subset), f"{named} gives codes for {list(codes)}", "give codes only for those given")
        for m in subset:
            expect(
                same_codes(codes[m], whole[m]),
                f"{named} gives {m!r} different codes than together with all modalities",
                "assign each modality by its own latents only",
            )


def _subsets(modalities: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(modalities) + 1):
        yield from combinations(modalities, size)


@check("quantizer")
def neighbouring_clips(subject: QuantizerSubject) -> None:
    """A clip has the same codes alone, in any batch, and beside any values in other clips or masked steps, even NaN."""
    quantizer, encoded = trained(subject).eval(), subject.inputs(masked=True)
    whole = quantizer.quantize(encoded)
    for clip in range(toys.CLIPS):
        only = slice(clip, clip + 1)
        _compare_real(subject, quantizer.quantize(toys.part(encoded, only)), toys.part(whole, only), "alone")
    others = slice(1, None)
    for junk in NEIGHBOURS:
        given = quantizer.quantize({m: _with_junk(item, junk) for m, item in encoded.items()})
        beside = f"beside a clip and masked steps of {junk}"
        _compare_real(subject, toys.part(given, others), toys.part(whole, others), beside)


def _with_junk(encoded: Encoded, junk: float) -> Encoded:
    """The latents with ``junk`` in the first clip and at masked steps."""
    replaced = ~encoded.real()
    replaced[0] = True
    return encoded._replace(semantic=encoded.semantic.detach().masked_fill(replaced[..., None], junk))


def _compare_real(
    subject: QuantizerSubject, given: Mapping[str, Quantized], expected: Mapping[str, Quantized], where: str
) -> None:
    """Compare codes and distances at real steps."""
    for modality, codes in expected.items():
        real = codes.real()
        for name, value in codes._asdict().items():
            other = getattr(given[modality], name)
            same = value is None or close(other[real], value[real])
            expect(
                same and (name != "indices" or torch.equal(other[real], value[real])),
                f"{subject.title}: the {name} of {modality!r} differ {where}",
                "compute them from the clip's own real steps and the codebook: no mean or maximum over the batch",
            )


@check("quantizer")
def indices_in_range(subject: QuantizerSubject) -> None:
    """Indices are whole numbers from 0 to size - 1, those of a level in its rows: statistics and lookup count on it."""
    quantizer = trained(subject)
    of_level = quantizer.level_size
    for codes in quantizer.quantize(subject.inputs()).values():
        for level, indices in enumerate(codes.by_level()):
            low, high, first = int(indices.min()), int(indices.max()), level * of_level
            rows = f", and rows of level {level} from {first} on" if quantizer.levels > 1 else ""
            expect(
                indices.dtype == torch.int64 and first <= low and high < first + of_level,
                f"{subject.title}: indices are {indices.dtype} from {low} to {high}, with size {quantizer.size}{rows}",
                "give int64 indices below size; with Q codes a step, those of level q from q * size / Q on",
            )


@check("quantizer", applies=gives_distances)
def distances(subject: QuantizerSubject) -> None:
    """Where a loss wants distances, they are the squared Euclidean ones to `codebooks()`: losses rely on that."""
    quantizer = trained(subject).double()
    encoded = toys.as_type(subject.inputs(), torch.float64)
    codebooks, targets = quantizer.codebooks(), quantizer.targets(encoded, quantizer.quantize(encoded))
    for modality, given in _distances(subject, quantizer, encoded).items():
        by_level = targets[modality].reshape(*given.shape[:2], quantizer.levels, 1, -1)
        levels = codebooks[modality].unflatten(0, (quantizer.levels, -1))
        expect(
            close(given, (by_level - levels).square().sum(-1).flatten(-2), 1e-6),
            f"{subject.title}: the distances of {modality!r} are not the squared Euclidean distances to its codebook",
            "give (z - e).square().sum(-1) for each codeword e, or set gives_distances = False on the class",
        )


@check("quantizer", applies=gives_distances)
def nearest_codeword(subject: QuantizerSubject) -> None:
    """The index is that of the smallest distance: losses and statistics take it for the nearest codeword."""
    quantizer, encoded = trained(subject), subject.inputs()
    codes = quantizer.quantize(encoded)
    for modality, given in _distances(subject, quantizer, encoded).items():
        expect(
            torch.equal(codes[modality].indices, nearest(given, quantizer)),
            f"{subject.title} does not assign the nearest codeword to {modality!r}",
            "take distances.argmin(-1), or set gives_distances = False where codes are not found by distance",
        )


def nearest(distances: Tensor, quantizer: Quantizer) -> Tensor:
    """The indices of the smallest distances, of each level one."""
    first = quantizer.level_size * torch.arange(quantizer.levels)
    found = first + distances.unflatten(-1, (quantizer.levels, -1)).argmin(-1)
    return found.reshape(*distances.shape[:2], *quantizer.index_shape)


def _distances(subject: QuantizerSubject, quantizer: Quantizer, encoded: Mapping[str, Encoded]) -> dict[str, Tensor]:
    """The distances of all modalities.

    Raises:
        Violation: They are missing although ``gives_distances`` promises them.
    """
    found = {modality: codes.distances for modality, codes in quantizer.quantize(encoded).items()}
    without = [modality for modality, each in found.items() if each is None]
    expect(
        not without,
        f"{subject.title} gives no distances of {', '.join(map(repr, without))}, although gives_distances is True and "
        "wants_distances is set",
        "set gives_distances = False on the class, or give the squared distances where self.wants_distances is True",
    )
    return {modality: each for modality, each in found.items() if each is not None}


@check("quantizer")
def distances_unwanted(subject: QuantizerSubject) -> None:
    """It gives the same codes whether a loss wants distances or not: most models have no such loss."""
    wanted, unwanted = trained(subject), trained(subject)
    unwanted.wants_distances = False
    encoded = subject.inputs()
    expected = wanted.quantize(encoded)
    for modality, codes in unwanted.quantize(encoded).items():
        expect(
            same_codes(codes, expected[modality]),
            f"{subject.title} gives {modality!r} different codes where no loss needs distances",
            "let wants_distances decide on Quantized.distances alone, which may then be None",
        )


@check("quantizer")
def own_codeword(subject: QuantizerSubject) -> None:
    """`own` is the codeword at the index, `codebooks()[m][indices]`, or the sum of those of all levels."""
    quantizer = trained(subject)
    for modality, codes in quantizer.quantize(subject.inputs()).items():
        book = quantizer.codebooks()[modality]
        expected = torch.stack([book[indices] for indices in codes.by_level()]).sum(0)
        expect(
            close(codes.own, expected),
            f"{subject.title}: own of {modality!r} is not codebooks()[{modality!r}][indices]"
            + (", summed over levels" if quantizer.levels > 1 else ""),
            "look own up by index; add the gradient path as z - z.detach(), which is zero",
        )


@check("quantizer")
def lookup_is_quantize(subject: QuantizerSubject) -> None:
    """lookup gives the codes that quantize gave, without distances: heads are trained on looked-up codes."""
    quantizer = trained(subject)
    for modality, codes in quantizer.quantize(subject.inputs()).items():
        found = quantizer.lookup(modality, codes.indices)
        different = f"{subject.title}.lookup gives {modality!r} different codes than quantize"
        expect(same_codes(found, codes), different, "share one function")
        expect(found.distances is None, f"{subject.title}.lookup gives distances", "leave them None: they are not read")
        masked = quantizer.lookup(modality, torch.zeros_like(codes.indices))
        expect(
            bool(masked.own.isfinite().all()),
            f"{subject.title}.lookup gives codes that are not finite where all indices are 0",
            "masked steps have index 0 in every level: give them any finite code",
        )


@check("quantizer")
def straight_through(subject: QuantizerSubject) -> None:
    """Gradients of `own` and `full` reach the latents, those of `own` unchanged where it gives distances."""
    quantizer, encoded = trained(subject), subject.inputs(masked=True)
    for modality, codes in quantizer.quantize(encoded).items():
        latents, real = encoded[modality].semantic, encoded[modality].mask
        for name in ("own", "full"):
            code = getattr(codes, name)
            weights = torch.randn(code.shape, generator=subject.generator())
            reaches = code.requires_grad
            gradient = _gradient((code * weights).sum(), latents) if reaches else torch.zeros_like(latents)
            exact = name == "own" and gives_distances(subject)  # rounding is bounded first, and so are its gradients
            expect(
                gradient[real].abs().sum() > 0 and (not exact or close(gradient[real], weights[real])),
                f"{subject.title}: the gradient of {name} does not pass straight to the latents of {modality!r}",
                "write code = codeword.detach() + z - z.detach()",
            )


def _gradient(scalar: Tensor, latents: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(scalar, latents, retain_graph=True, allow_unused=True)
    return torch.zeros_like(latents) if gradient is None else gradient


@check("quantizer", applies=is_updated)
def update_moves(subject: QuantizerSubject) -> None:
    """update moves codewords towards their targets and keeps all of them finite, unused ones too."""
    quantizer, encoded = subject.build(), subject.inputs(clips=8)
    before = _error(quantizer, encoded)
    for _ in range(UPDATES):
        step(quantizer, encoded, SingleProcess())
    finite = all(bool(book.isfinite().all()) for book in quantizer.codebooks().values())
    expect(
        finite,
        f"{subject.title}: codewords are not finite after {UPDATES} updates",
        "do not divide by the count of a codeword that nothing was assigned to: clamp or smooth it",
    )
    after = _error(quantizer, encoded)
    expect(
        after < before,
        f"{subject.title}: {UPDATES} updates with the same latents leave an error of {after:.4g}, it was {before:.4g}",
        "move each codeword towards the mean of the targets assigned to it",
    )


@torch.no_grad()
def _error(quantizer: Quantizer, encoded: Mapping[str, Encoded]) -> float:
    codes = quantizer.quantize(encoded)
    return float(sum((codes[m].own - encoded[m].semantic).square().mean() for m in encoded))


@check("quantizer", applies=is_updated)
def masked_updates(subject: QuantizerSubject) -> None:
    """update and reset ignore masked steps: padding must not attract codewords."""
    encoded = subject.inputs(clips=8, masked=True)
    one, two = trained(subject), trained(subject)
    assigned = one.quantize(encoded)
    targets = one.targets(encoded, assigned)
    junk = {
        m: toys.junk_where_masked((targets[m], codes), codes.mask, subject.generator()) for m, codes in assigned.items()
    }
    for quantizer, given, codes in (
        (one, targets, assigned),
        (two, {m: pair[0] for m, pair in junk.items()}, {m: pair[1] for m, pair in junk.items()}),
    ):
        with torch.no_grad():
            quantizer.update(given, codes, SingleProcess())
            quantizer.reset(codes, toys.generator_of(0), SingleProcess())
    changed = [name for name, tensor in state(one).items() if not close(tensor, state(two)[name])]
    expect(
        not changed,
        f"{subject.title}: targets at masked steps change {', '.join(changed)}",
        "leave out steps where assigned[m].mask is False: masked_fill the targets, and count the mask",
    )


@check("quantizer", applies=is_updated)
def update_on_ranks(subject: QuantizerSubject) -> None:
    """After update and reset, two and three ranks with parts of the clips have the codebooks of one process."""
    encoded = toys.transform(subject.inputs(clips=8, masked=True), Tensor.detach)
    alone = trained(subject)
    step(alone, encoded, SingleProcess())
    for shares in UNEVEN:
        _update_on(shares, subject, encoded, state(alone))


def _update_on(
    shares: Shares, subject: QuantizerSubject, encoded: Mapping[str, Encoded], expected: Mapping[str, Tensor]
) -> None:
    copies, parts = [trained(subject) for _ in shares.clips], shares.divide(encoded)
    on_ranks(lambda ranks: step(copies[ranks.rank], parts[ranks.rank], ranks), len(shares.clips))
    for name, tensor in expected.items():
        for rank, copy in enumerate(copies):
            on = f"with the clips on {shares.title}"
            expect(
                close(state(copy)[name], tensor, 1e-4),
                f"{subject.title}: {on}, {name} of rank {rank} differs from a single process",
                "sum what you count over ranks before you use it: ranks.sum(counts), ranks.sum(sums)",
            )


@check("quantizer", applies=is_replaced)
def replace_is_kept(subject: QuantizerSubject) -> None:
    """codebooks() gives what replace was given: the codebooks that alignment steps adjusted."""
    quantizer = trained(subject)
    given = {m: 1 - book.clone() for m, book in quantizer.codebooks().items()}
    with torch.no_grad():
        quantizer.replace(given)
    for modality, book in quantizer.codebooks().items():
        expect(
            close(book, given[modality]),
            f"{subject.title}: codebooks()[{modality!r}] is not what replace was given",
            "copy_ the codebooks of all modalities",
        )
