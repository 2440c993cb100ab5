"""Small random models of eleven architectures, saved in folders with what prepares their inputs."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
import transformers as hf

BODY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
CELLS = {"image_size": 48, "patch_size": 8}  # 6 x 6
WAVES = {
    **BODY, "conv_dim": [16] * 3, "conv_kernel": [10, 3, 2], "conv_stride": [5, 4, 2], "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog", "barks", "rain", "in", "the", "violin", "plays", "somebody"]
LETTERS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
TOKENS = {"vocab_size": len(WORDS), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}


def pictures(model: str):
    size = {"size": {"height": 48, "width": 48}, "do_center_crop": False}
    if model == "clip":
        return hf.CLIPImageProcessor(size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48})
    return {"vit": hf.ViTImageProcessor, "siglip": hf.SiglipImageProcessor}.get(model, hf.ViTImageProcessor)(**size)


def image_models() -> dict[str, object]:
    return {
        "clip": hf.CLIPModel(hf.CLIPConfig(text_config={**LETTERS, **TOKENS}, vision_config={**BODY, **CELLS})),
        "siglip": hf.SiglipModel(hf.SiglipConfig(text_config={**LETTERS, **TOKENS}, vision_config={**BODY, **CELLS})),
        "dinov2": hf.Dinov2Model(hf.Dinov2Config(**BODY, mlp_ratio=1, **CELLS)),
        "vit": hf.ViTModel(hf.ViTConfig(**BODY, **CELLS)),
        "resnet": hf.ResNetModel(hf.ResNetConfig(embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1])),
    }


def audio_models() -> dict[str, tuple[object, object]]:
    clap = hf.ClapConfig(
        text_config={**LETTERS, **TOKENS},
        audio_config={
            **dict(spec_size=32, num_mel_bins=16, patch_embeds_hidden_size=8, hidden_size=32, depths=[1, 1]),
            **dict(num_attention_heads=[2, 2], window_size=2, patch_size=4, patch_stride=[4, 4], num_classes=3),
            **dict(enable_fusion=False, projection_dim=16, aff_block_r=2),
        },
    )
    whisper = hf.WhisperConfig(
        **dict(vocab_size=60, d_model=32, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2),
        **dict(decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=16),
        **dict(max_source_positions=200, max_target_positions=20, pad_token_id=0, bos_token_id=1, eos_token_id=2),
        decoder_start_token_id=1,
    )
    ast = {"max_length": 200, "num_mel_bins": 16}
    return {
        "ast": (
            hf.ASTModel(hf.ASTConfig(**BODY, patch_size=8, frequency_stride=8, time_stride=8, **ast)),
            hf.ASTFeatureExtractor(**ast),
        ),
        "clap": (
            hf.ClapModel(clap),
            hf.ClapFeatureExtractor(
                feature_size=16, max_length_s=2, sampling_rate=16_000, fft_window_size=1024, hop_length=512,
                truncation="rand_trunc", nb_max_frames=64,
            ),
        ),
        "wav2vec2": (hf.Wav2Vec2Model(hf.Wav2Vec2Config(**WAVES)), hf.Wav2Vec2FeatureExtractor()),
        "hubert": (hf.HubertModel(hf.HubertConfig(**WAVES)), hf.Wav2Vec2FeatureExtractor()),
        "whisper": (hf.WhisperModel(whisper), hf.WhisperFeatureExtractor(feature_size=16, chunk_length=4)),
    }  # fmt: skip


def tokenizer(folder: Path) -> None:
    """A tokenizer of whole words."""
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    hf.BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(folder)


def save_all(root: Path) -> dict[str, Path]:
    """Save every model to a folder of its own, by name."""
    torch.manual_seed(0)
    verbosity = hf.logging.get_verbosity()
    hf.logging.set_verbosity_error()
    hf.logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, model in image_models().items():
            model.save_pretrained(root / name)
            pictures(name).save_pretrained(root / name)
        for name, (model, extractor) in audio_models().items():
            model.save_pretrained(root / name)
            extractor.save_pretrained(root / name)
        model = hf.BertModel(hf.BertConfig(**BODY, vocab_size=len(WORDS)))
        model.save_pretrained(root / "bert")
        for name in ("bert", "clip"):
            tokenizer(root / name)
    hf.logging.set_verbosity(verbosity)
    return {path.name: path for path in root.iterdir()}


def change_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
