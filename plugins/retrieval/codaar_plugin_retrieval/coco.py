"""Benchmark "coco-retrieval": pictures of MSCOCO and their captions."""

from __future__ import annotations

import attrs

from codaar_core.api import Card, setting
from codaar_plugin_retrieval.captions import Item, by_picture, in_blocks, read_coco
from codaar_plugin_retrieval.retrieval import Retrieval

PUBLISHED = {"40k": (0.008, 0.044, 0.095), "90k": (0.013, 0.061, 0.104)}


class CocoRetrieval(Retrieval):
    """MSCOCO retrieval: 5,000 pictures of val2017, each a video of one step, with five captions each.

    Mode "strict": captions are grouped by picture, and the first five by id are used. Mode "as-published": every five
    captions in the order of pictures form an item; as some pictures have more than five captions, 25,014 captions give
    5,002 items, and later items mix captions of two pictures.
    """

    shape = (7, 7, 512)
    card = Card(
        title="MSCOCO val2017",
        licence="captions: CC BY 4.0; pictures: terms of Flickr, owned by their authors",
        how_to_get="captions: annotations_trainval2017.zip of its homepage; features: VGG-19 pool5 "
        "of every picture of val2017.zip, (7, 7, 512), one 000000000139.zip each with a pickled array; then set root",
        homepage="https://cocodataset.org/#download",
    )

    @attrs.frozen(kw_only=True)
    class Config(Retrieval.Config):
        """Settings of coco-retrieval."""

        captions: str = setting("annotations/captions_val2017.json", "caption file; relative to `root`")
        features: str = setting("feature/video/zip", "folder of the features ID.zip or ID.npy; relative to `root`")
        modality: str = setting("video", "modality of the model that reads pictures")
        made_by: str = setting("keras-vgg19-pool5", "tag of the extractor of the features; must match pretraining")

    def read_items(self) -> list[Item]:
        """Read pictures with five captions each."""
        annotations = read_coco(self.at(self.config.captions))
        return in_blocks(annotations) if self.as_published else by_picture(annotations)

    @property
    def recalls(self) -> tuple[float, float, float]:
        """Scores of CoDAAR for this pretraining; multiples of 0.1 %, which suggests 1,000 pairs, not 5,000 pictures."""
        return PUBLISHED[self.config.pretraining]
