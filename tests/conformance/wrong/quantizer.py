"""Quantizers that break what only quantizers must keep."""

from __future__ import annotations

import torch
from good_components import GoodFiniteScalarQuantizer, GoodQuantizer

from codaar_core.testing.environment.ranks import SingleProcess
from wrong.register import alters, breaks, replaces


@breaks("record", "full should be (1, 1, 6)")
class DeclaresAnotherWidth(GoodQuantizer):
    """Says one width, gives another."""

    code_space = property(lambda self: self.latent)


@breaks("record", "5 levels do not divide")
class OddLevels(GoodQuantizer):
    """Says it gives five codes a step, out of codewords that five does not divide."""

    levels = 5


@breaks("quantize-is-pure", "quantize mutated words in place")
class MovesInQuantize(GoodQuantizer):
    """Updates its codebook in the forward pass."""

    def quantize(self, encoded):
        with torch.no_grad():
            self.words.mul_(0.9)
        return super().quantize(encoded)


@breaks("codes-are-copies", "changing a code in place changes the codebook")
class GivesViews(GoodQuantizer):
    """Its codes are the codewords themselves."""

    def lookup(self, modality, indices):
        return super().lookup(modality, indices)._replace(own=self.codebooks()[modality][:1])


@replaces(GoodQuantizer, "quantize", "any-subset", "fails: KeyError")
def wants_all(self, encoded):
    """Needs every modality."""
    return {m: self.assign(m, encoded[m], encoded) for m in self.modalities}


@breaks("any-subset", "different codes than together with all modalities")
class MixesModalities(GoodQuantizer):
    """Assigns the mean of what is there."""

    def quantize(self, encoded):
        mean = sum(item.semantic for item in encoded.values()) / len(encoded)
        return super().quantize({m: item._replace(semantic=mean) for m, item in encoded.items()})


@breaks("neighbouring-clips", "beside a clip and masked steps of nan")
class CentresOnTheBatch(GoodQuantizer):
    """Subtracts the mean latent of the batch from both sides: equal distances, unless a neighbour is NaN."""

    def assign(self, modality, item, encoded):
        codes = super().assign(modality, item, encoded)
        centre = item.semantic.detach().masked_fill(~item.real()[..., None], 0).mean((0, 1))
        words = self.codebooks()[modality] - centre
        distances = ((item.semantic - centre)[:, :, None] - words).square().sum(-1)
        found = self.lookup(modality, distances.argmin(-1))
        return codes._replace(indices=found.indices, distances=distances)


@breaks("indices-in-range", "indices are torch.int32")
class SmallIndices(GoodQuantizer):
    """Saves memory at the wrong place."""

    def lookup(self, modality, indices):
        return super().lookup(modality, indices.int())


@alters(GoodQuantizer, "assign", "distances", "are not the squared Euclidean distances")
def root_distances(codes):
    """Forgets the square."""
    return codes._replace(distances=codes.distances.sqrt())


@breaks("distances", "gives no distances of 'north', 'east', 'south', although gives_distances is True")
class PromisesDistances(GoodFiniteScalarQuantizer):
    """Rounds, and claims to give distances nevertheless."""

    gives_distances = True


@breaks("nearest-codeword", "does not assign the nearest codeword to 'north'")
class RoundsToOther(GoodFiniteScalarQuantizer):
    """Gives true distances, though it rounds bounded latents: that is not always the nearest codeword."""

    gives_distances = True

    def rounded(self, modality, item):
        differences = item.semantic[:, :, None] - self.codebooks()[modality]
        return super().rounded(modality, item)._replace(distances=differences.square().sum(-1))


@breaks("distances-unwanted", "different codes where no loss needs distances")
class AssignsWhereWanted(GoodQuantizer):
    """Searches the codebook for losses only."""

    def assign(self, modality, item, encoded):
        codes = super().assign(modality, item, encoded)
        return codes if self.wants_distances else codes._replace(indices=torch.zeros_like(codes.indices))


@alters(GoodQuantizer, "assign", "nearest-codeword", "does not assign the nearest codeword")
def farthest_codeword(codes):
    """Takes the worst."""
    return codes._replace(indices=codes.distances.argmax(-1))


@breaks("own-codeword", "own of 'north' is not codebooks()")
class OwnIsLatent(GoodQuantizer):
    """Passes the latent on."""

    def assign(self, modality, item, encoded):
        return super().assign(modality, item, encoded)._replace(own=item.semantic)


@breaks("lookup-is-quantize", "different codes than quantize")
class LooksUpElsewhere(GoodQuantizer):
    """Always looks in the first book."""

    def lookup(self, modality, indices):
        found = super().lookup(modality, indices)
        return found._replace(own=self.words[0][indices])

    def assign(self, modality, item, encoded):
        codes = super().assign(modality, item, encoded)
        return codes._replace(own=self.codebooks()[modality][codes.indices])


@alters(GoodQuantizer, "assign", "straight-through", "the gradient of own does not pass straight to the latents")
def no_gradient(codes):
    """Cuts the encoders off."""
    return codes._replace(own=codes.own.detach(), full=codes.full.detach())


@replaces(GoodQuantizer, "update", "update-moves", "leave an error of")
def never_moves(self, targets, assigned, ranks):
    """Only counts."""
    return None


@replaces(GoodQuantizer, "update", "update-moves", "not finite after")
def divides_by_nothing(self, targets, assigned, ranks):
    """Dead codewords become infinite."""
    self.words.div_(0)


@breaks("masked-updates", "targets at masked steps change words")
class PaddingAttracts(GoodQuantizer):
    """Counts what is not there."""

    def update(self, targets, assigned, ranks):
        super().update(targets, {m: codes._replace(mask=None) for m, codes in assigned.items()}, ranks)


@breaks("update-on-ranks", "differs from a single process")
class KnowsNoRanks(GoodQuantizer):
    """Each rank goes its own way."""

    def update(self, targets, assigned, ranks):
        super().update(targets, assigned, SingleProcess())


@breaks("replace-is-kept", "is not what replace was given")
class KeepsItsOwn(GoodQuantizer):
    """Takes over half of it."""

    def replace(self, codebooks):
        super().replace({m: (codebooks[m] + book) / 2 for m, book in self.codebooks().items()})
