"""Word pieces of a tiny random BERT: padding, the released filter, the cache on disk, and errors."""

from __future__ import annotations

import ast
import os
import pickle
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_bert.extractor import BertExtractor
from codaar_plugin_bert.frozen_bert import FrozenBert, Pieces, made_by
from codaar_plugin_bert.word_pieces import WordPieces, first_kept, padded, read_kept_tokens
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.api import DataError, ExtractorContext

transformers = pytest.importorskip("transformers")
h5py = pytest.importorskip("h5py")

WORDS = ["a", "dog", "bark", "##s", "loud", "in", "the", "rain", "and", "cat", "sings", "."]
VOCABULARY = ["[PAD]", *(f"[unused{i}]" for i in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
TEXTS = ["A dog barks.", "the cat sings", "a loud dog barks in the rain and the cat sings .", "a dog barks."]
WIDTH = 12
KEPT = "bert_token_index.csv"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A folder in the layout of Hugging Face with a random BERT."""
    folder = tmp_path_factory.mktemp("tiny-bert")
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        initializer_range=0.5,
    )
    model = transformers.BertForPreTraining(config)
    for name, parameter in model.named_parameters():
        if "LayerNorm" in name:
            torch.nn.init.normal_(parameter, 1.0, 0.3)
    model.save_pretrained(folder)
    return folder


def words(weights: Path, **settings) -> WordPieces:
    return WordPieces(**{"weights": str(weights), "cache": None, **settings})


def alone(weights: Path, text: str) -> np.ndarray:
    """One sentence at a time, straight from transformers, as the released code does."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(weights)
    model = transformers.BertModel.from_pretrained(weights).eval()
    with torch.no_grad():
        return model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, 1:-1].numpy()


def test_vectors_are_those_of_each_sentence_alone(weights):
    read = words(weights, tokens=20).words(TEXTS)
    assert read.values.shape == (4, 20, WIDTH) and read.values.dtype == np.float32
    for row, length, text in zip(read.values, read.lengths, TEXTS, strict=True):
        expected = alone(weights, text)
        assert length == len(expected)
        np.testing.assert_allclose(row[:length], expected, atol=1e-6)
        assert not row[length:].any()
    assert read.lengths.tolist() == [5, 3, 13, 5]
    assert read.mask.sum(1).tolist() == [5, 3, 13, 5]
    assert np.array_equal(read.values[0], read.values[3]), "capitals make no difference"


@pytest.mark.parametrize("tokens", [1, 4, 10])
def test_a_long_sentence_is_cut_after_bert_has_read_all_of_it(weights, tokens):
    read = words(weights, tokens=tokens).features(TEXTS)
    assert read.shape == (4, tokens, WIDTH)
    np.testing.assert_allclose(read[2], alone(weights, TEXTS[2])[:tokens], atol=1e-6)


def test_a_sentence_longer_than_bert_can_read_is_truncated(weights):
    assert words(weights, tokens=64).words(["dog " * 100]).lengths.tolist() == [30]


def test_no_sentences_give_an_empty_array(weights):
    assert words(weights).features([]).shape == (0, 10, WIDTH)


def test_other_word_pieces_are_dropped(weights, tmp_path):
    table = tmp_path / "kept.csv"
    kept = [VOCABULARY.index(word) for word in ("dog", "##s", "rain")]
    table.write_text("token_id,index\n0,0\n" + "".join(f"{token},{i + 1}\n" for i, token in enumerate(kept)))
    read = words(weights, keep=str(table)).words(TEXTS[:1] + TEXTS[2:])
    assert read.lengths.tolist() == [2, 3, 2]
    np.testing.assert_allclose(read.values[0, :2], alone(weights, TEXTS[0])[[1, 3]], atol=1e-6)
    with pytest.raises(DataError, match="no word piece of 'the cat sings' is kept"):
        words(weights, keep=str(table)).features(TEXTS)


def test_the_released_rule_of_filter_cut_and_padding(shared, released_numbers):
    numbers = released_numbers("text_collate")
    kept = read_kept_tokens(shared / "datasets" / "codaar_annotations" / KEPT)
    sentences = []
    for i, ids in enumerate(numbers.strings("ids")):
        pieces = Pieces(np.array(ast.literal_eval(ids))[1:-1], numbers[f"emb{i}"][1:-1].numpy())
        sentences.append(first_kept(pieces, 10, kept))
    assert np.array_equal(padded(sentences, 10, 768).values, numbers["query"].numpy())
    assert [len(each.tokens) for each in sentences] == [3, 2, 10, 2]


def test_the_released_table_keeps_1434_ids(shared):
    kept = read_kept_tokens(shared / "datasets" / "codaar_annotations" / KEPT)
    assert len(kept) == 1434 and 0 not in kept


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 6), max_size=12), st.sets(st.integers(1, 6)), st.integers(1, 8))
def test_the_first_kept_pieces_against_a_loop(ids, kept, tokens):
    vectors = np.arange(2.0 * len(ids), dtype=np.float32).reshape(-1, 2)
    ours = first_kept(Pieces(np.array(ids, np.int64), vectors), tokens, np.array(sorted(kept), np.int64))
    twin = [(token, row) for token, row in zip(ids, vectors.tolist(), strict=True) if token in kept][:tokens]
    assert list(zip(ours.tokens.tolist(), ours.vectors.tolist(), strict=True)) == twin
    filled = padded([ours], tokens, 2)
    assert filled.lengths[0] == len(twin) and not filled.values[0, len(twin) :].any()


@pytest.mark.parametrize("on_disk", [True, False])
def test_each_distinct_sentence_is_computed_once(weights, tmp_path, monkeypatch, on_disk):
    seen = []
    encode = FrozenBert.encode
    monkeypatch.setattr(FrozenBert, "encode", lambda self, texts: (seen.extend(texts), encode(self, texts))[1])
    reader = words(weights, cache=str(tmp_path) if on_disk else None)
    first = reader.features([*TEXTS, *TEXTS])
    assert seen == TEXTS
    assert np.array_equal(first, reader.features([*TEXTS, *TEXTS]))
    reader.features([TEXTS[1], "a cat"])
    assert seen == [*TEXTS, "a cat"]
    again = words(weights, cache=str(tmp_path) if on_disk else None, tokens=4)
    assert np.array_equal(again.features(TEXTS), first[:4, :4])
    assert len(seen) == (5 if on_disk else 9)


def test_other_weights_do_not_read_this_cache(weights, tmp_path):
    cache = str(tmp_path / "cache")
    other = tmp_path / "other"
    other.mkdir()
    for path in weights.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    assert words(other).bert.identity == words(weights).bert.identity
    model = transformers.BertModel.from_pretrained(weights)
    torch.nn.init.normal_(model.embeddings.word_embeddings.weight)
    model.save_pretrained(other)
    ours, theirs = (words(folder, cache=cache).features(TEXTS) for folder in (weights, other))
    assert not np.allclose(ours, theirs)
    assert len(os.listdir(cache)) == 2


def test_concurrent_writers_leave_one_complete_file(weights, tmp_path):
    readers = [words(weights, cache=str(tmp_path)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda reader: reader.features(TEXTS), readers))
    assert all(np.array_equal(each, results[0]) for each in results)
    assert len(list(tmp_path.glob("*/*"))) == 1


def test_files_of_other_processes_are_found(weights, tmp_path, monkeypatch):
    early, late = (words(weights, cache=str(tmp_path)) for _ in range(2))
    early.features(TEXTS[:1])
    expected = late.features(TEXTS)
    monkeypatch.setattr(FrozenBert, "encode", lambda *_: pytest.fail("it is there already"))
    assert np.array_equal(early.features(TEXTS), expected)


def test_a_reader_can_be_pickled(weights, tmp_path):
    for cache in (None, str(tmp_path)):
        reader = words(weights, cache=cache)
        expected = reader.features(TEXTS)
        assert len(pickle.dumps(reader)) < 10_000, "weights are not sent"
        assert np.array_equal(pickle.loads(pickle.dumps(reader)).features(TEXTS), expected)


def test_old_names_of_layer_norms_are_read(weights, tmp_path):
    """The published bert-base-uncased calls them gamma and beta."""
    from safetensors.torch import load_file, save_file

    for path in weights.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    state = load_file(weights / "model.safetensors")
    renamed = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for key, value in state.items()
    }
    assert renamed.keys() != state.keys()
    save_file(renamed, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert np.array_equal(words(tmp_path).features(TEXTS), words(weights).features(TEXTS))


def test_reading_the_weights_prints_nothing(weights, capfd, caplog):
    """transformers would list the unused heads of pretraining."""
    words(weights).features(TEXTS)
    assert capfd.readouterr() == ("", "") and not caplog.records


def test_weights_that_lack_a_part_are_refused(weights, tmp_path):
    from safetensors.torch import load_file, save_file

    for path in weights.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    state = {key: value for key, value in load_file(weights / "model.safetensors").items() if "layer.1." not in key}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"the weights lack encoder\.layer\.1"):
        words(tmp_path).features(TEXTS)


def test_a_damaged_file_of_vectors_is_named(weights, tmp_path):
    words(weights, cache=str(tmp_path)).features(TEXTS)
    (shard,) = tmp_path.glob("*/*.h5")
    shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(DataError, match=f"{shard.name} is damaged") as caught:
        words(weights, cache=str(tmp_path)).features(TEXTS)
    assert "delete this file" in caught.value.help


def test_without_bert_it_says_what_to_download(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(DataError, match="bert-base-uncased is not in the Hugging Face cache") as caught:
        WordPieces(None, None)
    assert "hf download bert-base-uncased" in caught.value.help
    with pytest.raises(DataError, match="the folder .*nowhere for the weights of BERT does not exist"):
        WordPieces(str(tmp_path / "nowhere"), None)
    with pytest.raises(DataError, match="has no weights of BERT: neither model.safetensors nor pytorch_model.bin"):
        WordPieces(str(tmp_path), None).features(TEXTS)


def test_bert_in_the_cache_of_the_machine_is_found(weights, monkeypatch):
    import huggingface_hub

    there = {"google-bert/bert-base-uncased": str(weights / "config.json")}
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda name, file: there.get(name))
    assert WordPieces(None, None).width == WIDTH


def test_different_weights_have_different_names(weights, tmp_path):
    """Features with different names are refused, so that copies of the same weights must have the same name."""
    name = made_by(str(weights))
    assert re.fullmatch("bert-base-uncased-[0-9a-f]{8}", name)
    assert made_by(str(shutil.copytree(weights, tmp_path / "copy"))) == name
    other = tmp_path / "copy" / "model.safetensors"
    other.write_bytes(other.read_bytes()[:-1] + b"?")
    assert made_by(str(tmp_path / "copy")) not in (name, made_by(None))


def test_the_published_weights_have_the_same_name_in_cache_and_folder(weights, tmp_path, monkeypatch):
    import huggingface_hub

    copy = shutil.copytree(weights, tmp_path / "copy")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda name, file: str(weights / "config.json"))
    assert made_by(str(copy)) == made_by(None) == "bert-base-uncased"


def test_weights_need_not_exist_to_have_a_name(tmp_path):
    """A recipe can be checked before its files exist."""
    assert made_by(str(tmp_path)) == made_by(str(tmp_path / "nowhere")) == "bert-base-uncased"


def test_weights_are_read_once_to_name_them(weights, monkeypatch):
    name = made_by(str(weights))
    monkeypatch.setattr(Path, "open", None)
    assert made_by(str(weights)) == name


@pytest.mark.parametrize("content", ["token,index\n1,1\n", "token_id,index\ndog,1\n"])
def test_a_table_without_token_ids_is_refused(weights, tmp_path, content):
    (tmp_path / "kept.csv").write_text(content)
    with pytest.raises(DataError, match="is not a table of token ids"):
        words(weights, keep=str(tmp_path / "kept.csv"))


def test_the_extractor_gives_real_pieces_only(weights):
    context = ExtractorContext(torch.device("cpu"))
    extractor = BertExtractor(BertExtractor.Config(weights=str(weights), tokens=4), context)
    assert extractor.output.shape == (WIDTH,)
    assert extractor.extract(TEXTS[1]).shape == (3, WIDTH)
    np.testing.assert_allclose(extractor.extract(TEXTS[2]).numpy(), alone(weights, TEXTS[2])[:4], atol=1e-6)


def test_an_extractor_gives_each_sentence_and_keeps_no_vectors(weights):
    config = BertExtractor.Config(weights=str(weights), tokens=3)
    extractor = BertExtractor(config, ExtractorContext(torch.device("cpu")))
    sentences = [*TEXTS, TEXTS[0]]
    together = list(extractor.extract_each(sentences))
    assert "_store" not in vars(extractor.words)
    for sentence, found in zip(sentences, together, strict=True):
        assert len(found) <= 3 and torch.equal(found, extractor.extract(sentence))
