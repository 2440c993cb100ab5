"""Stamps of generated pictures and tones, laid out as those of Tux Paint."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

KINDS = ("food", "space")
THINGS = ("apple", "bread", "comet", "drum", "eagle", "fern", "glove", "horn", "igloo")
LANGUAGES = ("fr", "ro", "ca", "es")
SHAPE = (40, 60)  # rows and columns


def write_stamps(folder: Path, things: int = len(THINGS), languages: tuple[str, ...] = LANGUAGES) -> Path:
    """Kinds with ``things`` stamps each; the first of each kind has a mirrored variant."""
    for kind, name in enumerate(KINDS):
        for number, thing in enumerate(THINGS[:things]):
            write_stamp(folder / name / "sub" / f"{thing}_{name}", f"A {thing} of {name}.", kind, number, languages)
        write_stamp(folder / name / f"{THINGS[0]}_{name}_mirror", "Seen in a mirror.", kind, 0, languages)
    return folder


def write_stamp(stem: Path, caption: str, kind: int, number: int, languages: tuple[str, ...]) -> None:
    """A picture, a caption in two languages, and a description in each language."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_picture(stem.with_name(f"{stem.name}.png"), kind, number)
    stem.with_name(f"{stem.name}.txt").write_text(f"{caption}\nfr.utf8=Autre chose.\n", "utf-8")
    for place, language in enumerate(languages):
        pitch = 300 + 900 * kind + 15 * number + 5 * place
        write_tone(stem.with_name(f"{stem.name}_desc_{language}.ogg"), pitch, 0.8 + 0.1 * (number % 4))


def write_picture(path: Path, kind: int, number: int) -> None:
    """A bar on transparent ground: upright and red, or flat and blue; the right half of the picture is transparent."""
    rows, columns = SHAPE
    pixels = np.zeros((rows, columns, 4), np.uint8)
    bar = (slice(None), slice(5, 15)) if kind else (slice(10, 20), slice(0, columns // 2))
    pixels[bar] = (20, 10 * number, 220, 255) if kind else (220, 10 * number, 20, 255)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = columns, rows, "rgba"
    frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
    path.write_bytes(b"".join(bytes(packet) for each in (frame, None) for packet in encoder.encode(each)))


def write_tone(path: Path, pitch: float, seconds: float, rate: int = 16_000) -> None:
    """An Ogg file with a tone."""
    times = np.arange(round(seconds * rate)) / rate
    samples = (0.5 * np.sin(2 * np.pi * pitch * times)).astype(np.float32)
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=rate, layout="mono")
        for start in range(0, len(samples), 320):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 320], format="flt", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
