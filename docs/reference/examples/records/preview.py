"""Preview, Picture, Sound, Words"""

from codaar_core.api import Batch, Picture, Preview, Sound, Split, Words


class Captions(Split):
    """Clips of words; `codaar atlas` shows the word of a step beside its code."""

    captions = (("a", "dog", "barks"), ("rain", "falls"))

    def __len__(self):
        return len(self.captions)

    def __getitem__(self, indices):
        return Batch(inputs={}, targets={})

    def preview(self, index: int, modality: str, step: int) -> Preview | None:
        words = self.captions[index]
        return Words(words[step]) if modality == "text" and step < len(words) else None


split = Captions()
assert split.preview(0, "text", 1) == Words("dog")
assert split.preview(1, "text", 2) is None and split.preview(0, "video", 0) is None

# of other modalities: Picture(content of a PNG file, alt) and Sound(content of a WAV file, alt)
assert Picture(b"\x89PNG", alt="a dog").alt == Sound(b"RIFF", alt="a dog").alt
