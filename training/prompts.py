"""Prompts of class names, and a small tokenizer for them in transformers' format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PROMPT = "a photo of a {label}"
"""What a label is asked for by."""
TEMPLATES = (
    PROMPT,
    "a {label}",
    "{label}",
    "a picture of the {label}",
    "a close photo of a {label}",
    "a small photo of the {label}",
    "a blurry photo of a {label}",
    "a grey photo of a {label}",
)
"""What image-text training shows names in."""
MAX_TOKENS = 24
VOCABULARY_SIZE = 2048


def small_tokenizer(texts: Iterable[str], vocabulary_size: int = VOCABULARY_SIZE) -> Any:
    """Return a byte-pair tokenizer learnt from ``texts``: any ASCII text has tokens.

    Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units",
    arXiv 1508.07909. In lower case; a start and an end token stand around each text.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    start, end, unknown, fill = "<start>", "<end>", "<unknown>", "<fill>"
    tokenizer = Tokenizer(models.BPE(unk_token=unknown))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[start, end, unknown, fill],
        initial_alphabet=[chr(code) for code in range(ord("!"), ord("~") + 1)],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in (start, end)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=ends
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token=start,
        eos_token=end,
        unk_token=unknown,
        pad_token=fill,
        model_max_length=MAX_TOKENS,
    )
