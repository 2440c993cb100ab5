"""What ``fuzz.py`` damages and what reads it: sound files of every kind, and mutations of them."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import re
import shutil
import subprocess
import sys
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CLIPS = ["a", "b", "c"]
STEPS, WIDTH = 5, 4
VALUES = np.random.default_rng(0).standard_normal((STEPS, WIDTH)).astype(np.float32)
TOY_RUN = (
    *("run.epochs=1", "device.threads=1", "data.batch=16", "data.pretrain=32", "data.patches=8"),
    *("quantizer.codes=32", "quantizer.dim=16", "encoders.video.channels=[4, 8]", "decoders.video.hidden=4"),
    *("evaluate.seeds=[1]", "run.name='fuzzed'"),
)

# Sound files


def write_corpus(folder: Path) -> None:
    """Write a sound file of every kind, and one run directory, which takes some seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    _write_arrays(folder)
    _write_tables(folder)
    _write_weights(folder)
    _write_media(folder)
    settings = [*TOY_RUN, f"run.directory={str(folder / 'runs')!r}"]
    overrides = [word for setting in settings for word in ("-o", setting)]
    start = [sys.executable, "-c", "from codaar_core.cli import main; main()"]
    command = [*start, "run", str(folder / "recipes" / "av.toml"), *overrides]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the run to be damaged failed: {done.stderr}")


def _write_arrays(folder: Path) -> None:
    from codaar_core.api import Space
    from codaar_core.features import ClipSplit, FileTrack, Header, RowTrack, pack_split

    np.save(folder / "array.npy", VALUES)
    with zipfile.ZipFile(folder / "array.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.pkl", pickle.dumps(VALUES, protocol=4))
    for protocol in (2, 4, 5):
        (folder / f"array{protocol}.pkl").write_bytes(pickle.dumps(VALUES, protocol=protocol))
    with h5py.File(folder / "array.h5", "w") as file:
        file.create_dataset("x", data=VALUES, compression="gzip", chunks=(2, WIDTH), shuffle=True)
    for name in CLIPS:
        np.save(folder / f"{name}.npy", VALUES)
    features = FileTrack(folder, CLIPS, Space((WIDTH,), STEPS), ".npy")
    split = ClipSplit(CLIPS, {"north": features}, {"north": RowTrack(np.arange(3), np.arange(3))})
    pack_split(split, folder / "packed.h5", Header("made up", "CC0-1.0", {"north": "by hand"}), "float32")


def _write_tables(folder: Path) -> None:
    words = ["file_name", *(f"caption_{number}" for number in range(1, 6))]
    rows = [[f"{name}.wav", *(f"{word} {name}" for word in words[1:])] for name in CLIPS]
    (folder / "clotho.csv").write_text("\n".join(map(",".join, [words, *rows])) + "\n")
    captions = [{"image_id": n // 5, "id": n, "caption": f"caption {n}"} for n in range(15)]
    (folder / "coco.json").write_text(json.dumps({"info": {}, "annotations": captions}))


def _write_weights(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    state = {"weight": torch.ones(3, 4), "bias": torch.ones(3)}
    save_file(state, folder / "weights.safetensors")
    torch.save(state, folder / "weights.pth")
    torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)
    _write_released(folder)


def _write_released(folder: Path) -> None:
    import torch
    from codaar_plugin_released.layout import layout, shape_of

    names = {term for row in layout(("video", "audio")) for term in re.findall(r"[a-z][a-z.]*", row.shape)}
    sizes = {name: 8 for name in names} | {"features.audio": 128, "features.video": 16, "squeezed": 2}
    content: dict = {"epoch": 4, "total_step": 3}
    for row in layout(("video", "audio")):
        module, _, name = row.released.partition("/")
        content.setdefault(f"{module}_parameters", {})[name] = torch.ones(shape_of(row, sizes))
    torch.save(content, folder / "released.pt")
    torch.save(content, folder / "released-old.pt", _use_new_zipfile_serialization=False)


def _write_media(folder: Path) -> None:
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(b"\1\2" * 4_000)
    with contextlib.suppress(ImportError):
        from PIL import Image

        Image.fromarray(np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)).save(folder / "picture.png")
    with contextlib.suppress(ImportError):
        import av

        with av.open(str(folder / "video.mp4"), "w") as out:
            stream = out.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for number in range(10):
                picture = np.full((48, 64, 3), 20 * number, np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(stream.encode())


# Mutations

NUMBERS = [0, 1, 0x7F, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
TOKENS = [
    *("0", "-1", "1e999", "-1e999", "NaN", "nan", "inf", "-inf", "1e-999", "9" * 25, "9" * 4400, "0x7fffffffffffffff"),
    *("true", "false", "null", '""', '"a"', '"\\u0000"', '"../../../../PWNED"', '"/etc/passwd"', '"\\u001b[31m"'),
    *("[]", "{}", "[[[[]]]]", "{ a = 1 }", '["a", "a"]', "[1, 2, 3]", "1979-05-27", "2**3", "-0.0", "0.5", "1_000"),
    *('"${run.seed}"', '"${a.b.c}"', '"${env:HOME}"', '"${"', '"keys"', '"type"', '"a.b"', '"' + "x" * 5_000 + '"'),
    *("-9223372036854775809", "18446744073709551616", "[" * 60, "[" * 2_000, "\x00", "\ud7ff", "'''", '"""'),
]
LINES = [
    *('extends = "recipe.toml"', 'extends = ["av.toml", "avt.toml"]', 'extends = "/etc/hostname"', "[a.b.c]"),
    *('[bench."../../../../PWNED"]', '[bench."a.b"]', '[bench.""]', "[losses.keys]", "[losses.type]", "[[x]]"),
    *('[hooks."\\u001b[2J"]', "[data.use]", "[sweep]", "weight = nan", "lr = inf", "use = 3", "use = []", '"" = 1'),
    *("threads = 99999999", "seed = -1", "epochs = 10000000000", "batch = 0", 'modalities = ["a/b"]'),
    *('plugins = ["/etc/hostname"]', 'plugins = [".."]', 'directory = "\\u0000"', 'name = "../../up"', 'name = ""'),
]


def damaged_bytes(content: bytes, random: Random) -> bytes:
    """Change some bytes: flips, cuts, repeats, runs of one value, large integers, and pieces of other places."""
    changed = bytearray(content)
    for _ in range(random.choice([1, 1, 1, 2, 4, 16])):
        place = random.randrange(len(changed) or 1)
        length = random.choice([1, 2, 4, 8, 64, 512])
        kind = random.randrange(8)
        if kind < 3 and changed:
            changed[place] = random.choice([changed[place] ^ (1 << random.randrange(8)), random.randrange(256)])
        elif kind == 3:
            del changed[place : place + length]
        elif kind == 4:
            changed[place:place] = changed[place : place + length]
        elif kind == 5:
            number = random.choice(NUMBERS).to_bytes(8, random.choice(["little", "big"]))
            size = random.choice([2, 4, 8])
            changed[place : place + size] = number[:size]
        elif kind == 6:
            changed[place : place + length] = bytes([random.choice([0, 0xFF, 0x41])]) * length
        elif random.random() < 0.3:
            del changed[place:]
    return bytes(changed)


def damaged_text(content: str, random: Random) -> str:
    """Change some tokens or lines of a text file."""
    lines = content.splitlines() or [""]
    for _ in range(random.choice([1, 1, 2, 3, 6])):
        at = random.randrange(len(lines))
        kind = random.randrange(10)
        if kind < 5:
            values = list(re.finditer(r'"[^"]*"|\[[^\]]*\]|-?\d[\d.e-]*|true|false|null', lines[at]))
            if values:
                value = random.choice(values)
                lines[at] = lines[at][: value.start()] + random.choice(TOKENS) + lines[at][value.end() :]
        elif kind == 5:
            lines.insert(at, random.choice(LINES))
        elif kind == 6:
            del lines[at]
            lines = lines or [""]
        elif kind == 7:
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 8:
            lines.insert(at, lines[random.randrange(len(lines))])
        else:
            place = random.randrange(len(lines[at]) + 1)
            character = random.choice(["\x00", "\x1b", "é", '"', "[", "=", "#", "."])
            lines[at] = lines[at][:place] + character + lines[at][place:]
    return "\n".join(lines) + "\n"


def damaged(content: bytes, random: Random) -> bytes:
    """Change a file, as text where it is one."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return damaged_bytes(content, random)
    if "\0" in text or random.random() < 0.2:
        return damaged_bytes(content, random)
    return damaged_text(text, random).encode("utf-8", "replace")


# Cases: each makes a damaged file in a folder, and returns what reads it

Read = Callable[[], object]


def command(*arguments: str | Path) -> Read:
    """A command of ``codaar``; its output must not tell of an unexpected error."""

    def run() -> str:
        from codaar_core.cli import codaar
        from codaar_core.cli.errors import run_command

        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            run_command(codaar, [str(each) for each in arguments], "codaar")
        return output.getvalue()

    return run


def recipe(corpus: Path, folder: Path, random: Random) -> Read:
    """A damaged recipe or sweep is validated; few are tables of many arms, which take longer."""
    sources = sorted((corpus / "recipes").rglob("*.toml"))
    quick = [path for path in sources if "paper" not in path.parts and path.name != "sweep.toml"]
    source = random.choice(sources if random.random() < 0.1 else quick)
    path = folder / source.relative_to(corpus)
    path.parent.mkdir(parents=True, exist_ok=True)
    for other in sources:  # which the recipe may extend
        link = folder / other.relative_to(corpus)
        if link != path:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(other)
    path.write_bytes(damaged(source.read_bytes(), random))
    return command("validate", path)


def array(corpus: Path, folder: Path, random: Random) -> Read:
    """A damaged file of one clip is read."""
    from codaar_core.api import Space
    from codaar_core.features import FileTrack

    source = random.choice(sorted(corpus.glob("array*.*")))
    (folder / f"clip{source.suffix}").write_bytes(damaged_bytes(source.read_bytes(), random))
    return lambda: FileTrack(folder, ["clip"], Space((WIDTH,), STEPS), source.suffix).read(0)


def pickled(corpus: Path, folder: Path, random: Random) -> Read:
    """A pickle is damaged before it is zipped, so that the checksum of the zip file does not hide it."""
    from codaar_core.features import read_array

    source = random.choice(sorted(corpus.glob("array*.pkl")))
    with zipfile.ZipFile(folder / "clip.zip", "w") as archive:
        archive.writestr("a.pkl", damaged_bytes(source.read_bytes(), random))
    return lambda: read_array(folder / "clip.zip")


def header(corpus: Path, folder: Path, random: Random) -> Read:
    """A .npy file has another header of the same length."""
    from codaar_core.features import read_array

    dtypes = ["<f4", ">f8", "|O", "<U9", "<c8", "<M8[s]", "|V9", "f" * 9, "<i99", "|b1", "", "[('a', 'f4')]"]
    shapes = ["(5, 4)", "(-1,)", "(10**9,)", f"({'9' * 40},)", "((((1,),),),)", "5", "(1.5,)", "(1,) * 99", "()"]
    dtype, shape = random.choice(dtypes), random.choice(shapes)
    text = f"{{'descr': {dtype!r}, 'fortran_order': {random.choice(['True', 'False', '3'])}, 'shape': {shape}}}"
    text += random.choice(["", "#", "}", "[" * 300])
    text = text.ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + VALUES.tobytes()
    (folder / "clip.npy").write_bytes(content)
    return lambda: read_array(folder / "clip.npy")


def packed(corpus: Path, folder: Path, random: Random) -> Read:
    """A damaged packed split is read or verified."""
    path = folder / "packed.h5"
    path.write_bytes(damaged_bytes((corpus / "packed.h5").read_bytes(), random))
    return command("data", "verify", path) if random.random() < 0.3 else lambda: _read_packed(path)


def schema(corpus: Path, folder: Path, random: Random) -> Read:
    """A packed split has another header, or a column is stored in another way."""
    path = folder / "packed.h5"
    shutil.copy(corpus / "packed.h5", path)
    with h5py.File(path, "r+") as file:
        name = random.choice(["ids", "state", "sha256", "inputs/north", "masks/north", "targets/north"])
        values = file[name][()]
        if random.random() < 0.4:
            file.attrs["header"] = damaged_text(file.attrs["header"].replace(",", ",\n"), random).replace("\0", "")
        elif random.random() < 0.2:
            file.attrs["codaar_packed"] = random.choice([0, 1, 1.0, "1", [2, 2], 2**40, np.nan, True])
        else:
            del file[name]
            dtype = random.choice([None, "f2", "f8", "S3", "c8", "?", "u1", h5py.string_dtype(), "f4,i4", ">f4"])
            with contextlib.suppress(TypeError, ValueError, OSError):
                changed = values.reshape(random.choice([values.shape, (-1,), (1, *values.shape), values.shape[::-1]]))
                stored = [{}, {"chunks": True}, {"compression": "gzip"}, {"maxshape": (None,) * changed.ndim}]
                file.create_dataset(name, data=changed, dtype=dtype, **random.choice(stored))
    return lambda: _read_packed(path)


def _read_packed(path: Path) -> None:
    from codaar_core.features import PackedSplit

    split = PackedSplit(path)
    split.damaged()
    split.ids, split.notes, split.checksum, split.spaces  # noqa: B018
    split[range(len(split))]


def table(corpus: Path, folder: Path, random: Random) -> Read:
    """A damaged table or caption file is read."""
    from codaar_plugin_retrieval.captions import by_picture, in_blocks, read_clotho, read_coco

    source = corpus / random.choice(["clotho.csv", "coco.json", "coco.json"])
    text = source.read_text().replace("},", "},\n")
    path = folder / source.name
    path.write_bytes(damaged(text.encode(), random))
    if path.suffix == ".csv":
        return lambda: read_clotho(path)
    return lambda: [in_blocks(read_coco(path)), by_picture(read_coco(path))]


def weights(corpus: Path, folder: Path, random: Random) -> Read:
    """A damaged file of published weights is read."""
    from torch import nn

    from codaar_core.nn import load_published

    source = corpus / random.choice(["weights.safetensors", "weights.pth", "old.pth"])
    path = folder / source.name
    path.write_bytes(damaged_bytes(source.read_bytes(), random))
    return lambda: load_published(nn.Linear(4, 3), path, "it is published somewhere")


def released(corpus: Path, folder: Path, random: Random) -> Read:
    """A damaged checkpoint of the released code is imported; most damage is near the names."""
    source = corpus / random.choice(["released.pt", "released-old.pt"])
    content = source.read_bytes()
    part = slice(0, 20_000) if random.random() < 0.7 else slice(0, len(content))
    path = folder / "released.pt"
    path.write_bytes(damaged_bytes(content[part], random) + content[part.stop :])
    return command("import-checkpoint", path, folder / "run")


def odd_checkpoint(corpus: Path, folder: Path, random: Random) -> Read:
    """A sound file with an odd value in place of a tensor, a module or the epoch."""
    import torch

    content = torch.load(corpus / "released.pt", weights_only=True)
    odd = [None, 7, 1.5, float("nan"), "a", [1], {}, torch.ones(0), torch.ones(2, 0), torch.tensor(3), torch.ones(9, 9)]
    odd += [torch.ones(1).expand(10**5, 10**5), torch.ones(3).to_sparse(), torch.ones(3) * 1j, 10**30, -1, True]
    key = random.choice(list(content))
    if isinstance(content[key], dict) and random.random() < 0.8:
        content[key][random.choice([*content[key], "more", 3])] = random.choice(odd)
    else:
        content[key] = random.choice(odd)
    torch.save(content, folder / "released.pt")
    return command("import-checkpoint", folder / "released.pt", folder / "run")


def media(corpus: Path, folder: Path, random: Random) -> Read:
    """A damaged recording or picture is read."""
    there = [corpus / name for name in ("sound.wav", "picture.png", "video.mp4") if (corpus / name).exists()]
    source = random.choice(there)
    path = folder / source.name
    path.write_bytes(damaged_bytes(source.read_bytes(), random))
    return lambda: _read_media(path)


def _read_media(path: Path) -> None:
    if path.suffix == ".png":
        from codaar_plugin_avsbench.pictures import read_pixels

        read_pixels(path, "L", 32)
    elif path.suffix == ".wav":
        from codaar_plugin_vggish.sound_file import read_sound

        read_sound(path)
    else:
        from codaar_plugin_vgg.frames import read_frames

        for _ in read_frames(path, [0, 3, 9]):
            pass


def run_directory(corpus: Path, folder: Path, random: Random) -> Read:
    """One file of a run directory is damaged; it is listed, reported, compared or opened."""
    run = next((corpus / "runs" / "fuzzed").iterdir())
    copy = folder / "runs" / "fuzzed" / run.name
    shutil.copytree(run, copy, symlinks=True)
    files = sorted(path for path in copy.rglob("*") if path.is_file() and path.suffix not in (".html", ".py"))
    small = [path for path in files if path.stat().st_size < 100_000]
    path = random.choice(small if random.random() < 0.8 else files)
    path.write_bytes(random.choice([b"", damaged(path.read_bytes(), random), damaged(path.read_bytes(), random)]))
    reads = [
        *(command("report", copy), command("lock", copy), command("list", "runs", folder / "runs")),
        *(command("diff", copy, run), lambda: _open(copy), lambda: _resume(copy)),
    ]
    return random.choice(reads)


def _open(run: Path) -> None:
    from codaar_core import open_model

    open_model(run)


def _resume(run: Path) -> None:
    """Look for the checkpoint that ``--resume`` would continue from."""
    from codaar_core.engine.record.resume import checkpoint_to_resume
    from codaar_core.engine.record.run_directory import RunDirectory

    checkpoint_to_resume(RunDirectory(run))


KINDS: dict[str, Callable[[Path, Path, Random], Read]] = {
    case.__name__.replace("_", "-"): case
    for case in (
        *(recipe, array, pickled, header, packed, schema, table, weights, released, odd_checkpoint, media),
        run_directory,
    )
}
SHARES = {"recipe": 4, "run-directory": 2}  # how often a kind is tried, compared with the others
