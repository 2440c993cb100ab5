"""Extractor, ExtractorContext"""

import wave

import torch

from codaar_core.api import Extractor, ExtractorContext, Space


class Loudness(Extractor):
    """The mean square of every whole second of a mono recording with 16-bit samples."""

    suffixes = (".wav",)

    @property
    def output(self):
        return Space((1,))

    @property
    def made_by(self):
        return "loudness"

    def extract(self, source):
        with wave.open(str(source)) as file:
            samples = torch.frombuffer(bytearray(file.readframes(file.getnframes())), dtype=torch.int16)
            seconds = samples.unfold(0, file.getframerate(), file.getframerate())
        return seconds.float().square().mean(dim=1, keepdim=True)


with wave.open("silence.wav", "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(8000)
    file.writeframes(bytes(2 * 8000 * 3))

extractor = Loudness(Loudness.Config(), ExtractorContext(torch.device("cpu")))
assert extractor.extract("silence.wav").tolist() == [[0], [0], [0]]
