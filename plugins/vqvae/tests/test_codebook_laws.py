"""Laws of assignment and of the codebook update."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_vqvae import distances as module
from codaar_plugin_vqvae.codebooks import EPSILON, Codebooks
from codaar_plugin_vqvae.distances import squared_distances
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codaar_core.api import Encoded, Quantized, QuantizerContext

laws = settings(deadline=None, max_examples=25)
MODALITIES = ("a", "b", "c")
CODES, DIM = 6, 3
books = st.sampled_from(["each", "shared"])
counting = st.sampled_from(["smoothed", "plain"])
seeds = st.integers(0, 2**16)


class OneRank:
    rank, size = 0, 1

    def sum(self, value: Tensor) -> Tensor:
        return value

    gather = sum


class Recorder(OneRank):
    """Keeps what this rank would send."""

    size = 2

    def __init__(self) -> None:
        self.sent: list[Tensor] = []

    def sum(self, value: Tensor) -> Tensor:
        self.sent.append(value.clone())
        return value


class SecondOfTwo(OneRank):
    """Adds what the first rank has sent, in the same order."""

    rank, size = 1, 2

    def __init__(self, first: Recorder) -> None:
        self.received = iter(first.sent)

    def sum(self, value: Tensor) -> Tensor:
        return value + next(self.received)


def codebooks(seed: int = 0, dtype: torch.dtype = torch.float64, **config: object) -> Codebooks:
    """Spread codewords that their sums and counts agree with."""
    config = {"codes": CODES, "dim": DIM, "initial_count": 1.0, **config}
    quantizer = Codebooks(Codebooks.Config(**config), QuantizerContext(MODALITIES)).double()
    values = torch.randn(quantizer.codewords.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    quantizer.codewords.copy_(values)
    quantizer.sums.copy_(values * quantizer.counts[..., None])
    quantizer.wants_distances = True
    return quantizer.to(dtype)


def encode(seed: int, clips: int = 4, steps: int = 5, masked: bool = False) -> dict[str, Encoded]:
    generator = torch.Generator().manual_seed(seed)

    def one() -> Encoded:
        latents = torch.randn(clips, steps, DIM, generator=generator, dtype=torch.float64)
        return Encoded(latents, mask=torch.rand(clips, steps, generator=generator) < 0.7 if masked else None)

    return {modality: one() for modality in MODALITIES}


def state(quantizer: Codebooks) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in quantizer.state_dict().items()}


def semantics(encoded: dict[str, Encoded]) -> dict[str, Tensor]:
    return {modality: item.semantic for modality, item in encoded.items()}


@laws
@given(seeds, books, st.booleans())
def test_nearest_codeword_and_its_distances(seed: int, which: str, masked: bool) -> None:
    quantizer, encoded = codebooks(seed, books=which), encode(seed, masked=masked)
    for modality, codes in quantizer.quantize(encoded).items():
        book = quantizer.codebooks()[modality]
        for b, clip in enumerate(encoded[modality].semantic):
            for t, latent in enumerate(clip):
                slow = [sum((latent - codeword) ** 2) for codeword in book]
                torch.testing.assert_close(codes.distances[b, t], torch.stack(slow))
                assert int(codes.indices[b, t]) == min(range(CODES), key=slow.__getitem__)


@laws
@given(seeds, books, st.booleans())
def test_codes_are_exact_codewords(seed: int, which: str, masked: bool) -> None:
    quantizer, encoded = codebooks(seed, books=which), encode(seed, masked=masked)
    for modality, codes in quantizer.quantize(encoded).items():
        book = quantizer.book[modality]
        assert torch.equal(codes.own, quantizer.codebooks()[modality][codes.indices])
        assert torch.equal(codes.full[..., book * DIM : (book + 1) * DIM], codes.own)
        assert torch.equal(
            codes.full,
            torch.cat([quantizer.codewords[:, n] for n in range(quantizer.codewords.shape[1])], 1)[codes.indices],
        )
        assert codes.mask is encoded[modality].mask
        looked_up = quantizer.lookup(modality, codes.indices)
        assert torch.equal(looked_up.own, codes.own)
        assert torch.equal(looked_up.full, codes.full)
        assert looked_up.distances is None
        assert codes.full.shape[-1] == quantizer.code_space.width


@laws
@given(seeds, books, st.booleans())
def test_quantize_changes_no_state_in_training(seed: int, which: str, masked: bool) -> None:
    quantizer = codebooks(seed, books=which).train()
    before = state(quantizer)
    first, second = quantizer.quantize(encode(seed, masked=masked)), quantizer.quantize(encode(seed, masked=masked))
    assert all(torch.equal(before[name], buffer) for name, buffer in quantizer.state_dict().items())
    assert all(torch.equal(first[m].indices, second[m].indices) for m in MODALITIES)


@laws
@given(seeds)
def test_one_modality_alone_gets_the_same_codes(seed: int) -> None:
    quantizer, encoded = codebooks(seed), encode(seed)
    together = quantizer.quantize(encoded)
    for modality in MODALITIES:
        alone = quantizer.quantize({modality: encoded[modality]})
        assert list(alone) == [modality]
        assert torch.equal(alone[modality].indices, together[modality].indices)
        assert torch.equal(alone[modality].full, together[modality].full)


def latents_with_gradient(encoded: dict[str, Encoded]) -> dict[str, Encoded]:
    return {modality: item._replace(semantic=item.semantic.requires_grad_()) for modality, item in encoded.items()}


@laws
@given(seeds, st.booleans())
def test_gradient_goes_straight_through(seed: int, masked: bool) -> None:
    encoded = latents_with_gradient(encode(seed, masked=masked))
    quantized = codebooks(seed).quantize(encoded)
    cotangent = torch.randn(4, 5, len(MODALITIES), DIM, generator=torch.Generator().manual_seed(seed)).double()
    own = torch.autograd.grad((quantized["b"].own * cotangent[:, :, 1]).sum(), encoded["b"].semantic, retain_graph=True)
    full = torch.autograd.grad((quantized["b"].full * cotangent.flatten(2)).sum(), list(semantics(encoded).values()))
    for position, modality in enumerate(MODALITIES):
        mask = encoded[modality].mask
        real = torch.ones(4, 5, 1) if mask is None else mask[..., None]
        torch.testing.assert_close(full[position], cotangent[:, :, position] * real)
        if modality == "b":
            torch.testing.assert_close(own[0], cotangent[:, :, 1] * real)


def test_rows_are_plain_where_steps_do_not_correspond() -> None:
    encoded = latents_with_gradient({**encode(0), "c": encode(1, steps=7)["c"]})
    quantized = codebooks().quantize(encoded)
    assert quantized["a"].own.requires_grad
    assert not quantized["a"].full.requires_grad
    assert quantized["c"].full.shape == (4, 7, 3 * DIM)


def test_a_shared_codebook_gives_its_own_codeword_as_full() -> None:
    encoded = latents_with_gradient(encode(0))
    quantizer = codebooks(books="shared")
    quantized = quantizer.quantize(encoded)
    gradients = torch.autograd.grad(quantized["a"].full.sum(), list(semantics(encoded).values()), allow_unused=True)
    assert torch.equal(quantized["a"].full, quantized["a"].own)
    assert torch.equal(gradients[0], torch.ones_like(gradients[0]))
    assert gradients[1] is gradients[2] is None
    books = quantizer.codebooks()
    assert books["a"].data_ptr() == books["b"].data_ptr()


@laws
@given(seeds)
def test_distance_gradient_is_that_of_the_definition(seed: int) -> None:
    (encoded, book) = latents_with_gradient(encode(seed))["a"], codebooks(seed).codebooks()["a"]
    weights = torch.randn(4, 5, CODES, generator=torch.Generator().manual_seed(seed)).double()
    definition = (encoded.semantic[:, :, None] - book).square().sum(-1)
    (expected,) = torch.autograd.grad((definition * weights).sum(), encoded.semantic)
    (ours,) = torch.autograd.grad((squared_distances(book, encoded.semantic) * weights).sum(), encoded.semantic)
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("unused", ["none", "near the origin", "far away"])
def test_single_precision_finds_the_nearest_codeword_of_a_collapsed_codebook(unused: str) -> None:
    torch.manual_seed(0)
    place = torch.randn(256, dtype=torch.float64)
    latents = place + 1e-3 * torch.randn(20, 10, 256, dtype=torch.float64)
    others = {"none": 0, "near the origin": 1e-3, "far away": 1e3}[unused] * torch.randn(300, 256, dtype=torch.float64)
    book = torch.cat(
        [place + 1e-3 * torch.randn(60, 256, dtype=torch.float64), others[: 300 if unused != "none" else 0]]
    )
    exact = (latents[:, :, None] - book).square().sum(-1).argmin(-1)
    single = squared_distances(book.float(), latents.float()).argmin(-1)
    assert (single != exact).sum() <= 1


def test_devices_without_float64_centre_on_the_codebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "widest_float", lambda device: torch.float32)
    torch.manual_seed(0)
    place = torch.randn(256, dtype=torch.float64)
    latents, book = (place + 1e-3 * torch.randn(*shape, 256, dtype=torch.float64) for shape in ((20, 10), (60,)))
    exact = (latents[:, :, None] - book).square().sum(-1)
    found = squared_distances(book.float(), latents.float())
    assert (found.argmin(-1) != exact.argmin(-1)).sum() <= 1
    torch.testing.assert_close(found, exact.float(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("junk", [torch.nan, torch.inf, 1e30])
def test_unusable_latents_change_only_their_own_distances(junk: float) -> None:
    torch.manual_seed(0)
    latents, book = 3 + torch.randn(4, 10, 16), 3 + torch.randn(32, 16)
    expected = squared_distances(book, latents)
    spoilt = latents.clone()
    spoilt[0, 3, 7] = junk
    given = squared_distances(book, spoilt)
    assert torch.equal(given[1:], expected[1:])
    assert torch.equal(given[0, :3], expected[0, :3])


def test_assignment_keeps_its_precision_under_autocast() -> None:
    torch.manual_seed(0)
    quantizer = Codebooks(Codebooks.Config(codes=64, dim=32), QuantizerContext(("a",)))
    quantizer.wants_distances = True
    encoded = {"a": Encoded(torch.randn(4, 10, 32))}
    expected = quantizer.quantize(encoded)["a"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        codes = quantizer.quantize(encoded)["a"]
    assert torch.equal(codes.distances, expected.distances)


def slow_update(quantizer: Codebooks, targets: dict[str, Tensor], assigned: dict[str, Quantized]) -> dict[str, Tensor]:
    """The moving average, one latent at a time."""
    sums, counts = torch.zeros_like(quantizer.sums), torch.zeros_like(quantizer.counts)
    for modality, target in targets.items():
        codes, book = assigned[modality], quantizer.book[modality]
        for b in range(len(target)):
            for t in range(target.shape[1]):
                if codes.mask is None or codes.mask[b, t]:
                    sums[codes.indices[b, t], book] += target[b, t]
                    counts[codes.indices[b, t], book] += 1
    decay = quantizer.config.decay
    sums = decay * quantizer.sums + (1 - decay) * sums
    counts = decay * quantizer.counts + (1 - decay) * counts
    if quantizer.config.counts == "plain":
        return {"sums": sums, "counts": counts, "codewords": sums / (counts[..., None] + EPSILON)}
    total = counts.sum(0)
    counts = (counts + EPSILON) / (total + CODES * EPSILON) * total
    return {"sums": sums, "counts": counts, "codewords": sums / counts[..., None]}


@laws
@given(seeds, books, counting, st.booleans())
def test_update_equals_the_loops(seed: int, which: str, counts: str, masked: bool) -> None:
    quantizer, encoded = codebooks(seed, books=which, counts=counts), encode(seed, masked=masked)
    assigned = quantizer.quantize(encoded)
    expected = slow_update(quantizer, semantics(encoded), assigned)
    quantizer.update(semantics(encoded), assigned, OneRank())
    for name, buffer in expected.items():
        torch.testing.assert_close(getattr(quantizer, name), buffer)


@laws
@given(seeds, books, counting)
def test_counts_are_conserved(seed: int, which: str, counts: str) -> None:
    quantizer, encoded = codebooks(seed, books=which, counts=counts), encode(seed)
    before, latents = quantizer.counts.sum(), 4 * 5 * len(MODALITIES)
    quantizer.update(semantics(encoded), quantizer.quantize(encoded), OneRank())
    torch.testing.assert_close(quantizer.counts.sum(), 0.99 * before + 0.01 * latents)


@laws
@given(seeds, books, counting)
def test_masked_steps_change_nothing(seed: int, which: str, counts: str) -> None:
    encoded = encode(seed, masked=True)
    nonsense = {
        m: item._replace(semantic=item.semantic.masked_fill(~item.mask[..., None], torch.nan))
        for m, item in encoded.items()
    }
    ones = []
    for given_encoded in (encoded, nonsense):
        quantizer = codebooks(seed, books=which, counts=counts, reset_after=3)
        quantized = quantizer.quantize(given_encoded)
        quantizer.update(semantics(given_encoded), quantized, OneRank())
        quantizer.reset(quantized, torch.Generator(), OneRank())
        ones.append({**state(quantizer), **{m: q.indices[encoded[m].mask] for m, q in quantized.items()}})
    assert all(torch.equal(ones[0][name], ones[1][name]) for name in ones[0])


@laws
@given(seeds, books, counting, st.booleans())
def test_two_ranks_equal_one(seed: int, which: str, counts: str, masked: bool) -> None:
    whole = encode(seed, masked=masked)

    def part(clips: slice) -> dict[str, Encoded]:
        return {
            m: Encoded(item.semantic[clips], mask=None if item.mask is None else item.mask[clips])
            for m, item in whole.items()
        }

    config = {"books": which, "counts": counts, "reset_after": 1, "active_within": 1}
    one, first, second = (codebooks(seed, **config) for _ in range(3))
    for quantizer in (one, first, second):
        quantizer.idle.fill_(1)

    def step(quantizer: Codebooks, encoded: dict[str, Encoded], ranks: OneRank) -> None:
        assigned = quantizer.quantize(encoded)
        quantizer.update(semantics(encoded), assigned, ranks)
        quantizer.reset(assigned, torch.Generator().manual_seed(seed), ranks)

    recorder = Recorder()
    step(one, whole, OneRank())
    step(first, part(slice(0, 1)), recorder)
    step(second, part(slice(1, None)), SecondOfTwo(recorder))
    for name, buffer in one.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], buffer)


@pytest.mark.parametrize("initial_count", [1.0, 5.0])
@pytest.mark.parametrize("counts", ["smoothed", "plain"])
def test_with_initial_counts_unused_codewords_stay_near(initial_count: float, counts: str) -> None:
    quantizer = Codebooks(
        Codebooks.Config(codes=CODES, dim=DIM, initial_count=initial_count, counts=counts), QuantizerContext(("a",))
    ).double()
    before = quantizer.codewords.clone()
    indices = torch.zeros(1, 2, dtype=torch.int64)
    targets = torch.ones(1, 2, DIM, dtype=torch.float64)
    quantizer.update({"a": targets}, {"a": Quantized(indices, targets, targets)}, OneRank())
    torch.testing.assert_close(quantizer.codewords[1:], before[1:], rtol=1e-3, atol=0)
    assert (quantizer.codewords[0] > before[0]).all()


@pytest.mark.parametrize("counts", ["smoothed", "plain"])
def test_a_codebook_that_was_never_assigned_anything_stays(counts: str) -> None:
    quantizer = Codebooks(Codebooks.Config(codes=CODES, dim=DIM, counts=counts), QuantizerContext(("a", "b")))
    before = quantizer.codebooks()["b"].clone()
    encoded = {"a": Encoded(torch.randn(2, 3, DIM))}
    quantizer.update(semantics(encoded), quantizer.quantize(encoded), OneRank())
    assert torch.equal(quantizer.codebooks()["b"], before)


def test_replace_takes_over_aligned_codebooks_and_leaves_the_average() -> None:
    for which in ("each", "shared"):
        quantizer = codebooks(books=which)
        before = state(quantizer)
        quantizer.replace({modality: book + 1 for modality, book in quantizer.codebooks().items()})
        assert torch.equal(quantizer.codewords, before["codewords"] + 1)
        assert torch.equal(quantizer.sums, before["sums"])
        assert torch.equal(quantizer.counts, before["counts"])


def test_spaces_follow_from_settings() -> None:
    assert codebooks().latent.shape == (DIM,)
    assert codebooks().code_space.shape == (3 * DIM,)
    assert codebooks(books="shared").code_space.shape == (DIM,)
    assert codebooks().size == CODES
    assert set(codebooks().state_dict()) == {"codewords", "sums", "counts", "idle"}
    assert not list(codebooks().parameters())


@pytest.mark.parametrize("wrong", [{"codes": 0}, {"decay": 1.0}, {"reset_after": -1}, {"initial_count": -1.0}])
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Codebooks.Config(**wrong)


@laws
@given(seeds, counting)
def test_in_turn_each_modality_finds_what_the_one_before_left(seed: int, how: str) -> None:
    """The released code of DCID: sums and counts decay once for each modality."""
    quantizer = codebooks(seed, books="shared-in-turn", counts=how)
    generator = torch.Generator().manual_seed(seed)
    targets = {m: torch.randn(2, 3, DIM, generator=generator, dtype=torch.float64) for m in MODALITIES}
    assigned = quantizer.quantize({m: Encoded(each) for m, each in targets.items()})
    sums, counts = quantizer.sums[:, 0].clone(), quantizer.counts[:, 0].clone()
    for m, target in targets.items():
        sums, counts = 0.99 * sums, 0.99 * counts
        for index, row in zip(assigned[m].indices.flatten().tolist(), target.flatten(0, 1), strict=True):
            sums[index] += 0.01 * row
            counts[index] += 0.01
        if how == "smoothed":
            total = counts.sum()
            counts = (counts + EPSILON) / (total + CODES * EPSILON) * total
    quantizer.update(targets, assigned, OneRank())
    expected = sums / (counts if how == "smoothed" else counts + EPSILON)[:, None]
    torch.testing.assert_close(quantizer.codewords[:, 0], expected)
