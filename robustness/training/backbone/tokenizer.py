"""Trains the backbone's tokenizer: a lower-case BPE with byte fallback.

A word is tokenized in the same way wherever it occurs in a template, also next to punctuation.
"""

import json
from collections.abc import Iterable

from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if not loop.last %}\n{% endif %}{% endfor %}"
)


def train(texts: Iterable[str], size: int, context: int) -> PreTrainedTokenizerFast:
    """Trains the tokenizer.

    Args:
        texts: Training text, instructions included.
        size: Vocabulary size.
        context: Longest sequence in tokens, stored with the tokenizer.
    """
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token=None))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Lowercase(),
            # 'film .' becomes 'film.'.
            normalizers.Replace(Regex(r"[ \t]+(?=[.,!?;:])"), ""),
            normalizers.Replace(Regex(r"[ \t]+"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # Punctuation and digits are split off first: "good", (good) and good share a token.
            pre_tokenizers.Split(Regex(r" ?(?:\n|[\p{P}\p{S}&&[^▁]]|[0-9])"), "isolated"),
            pre_tokenizers.Metaspace(prepend_scheme="always", split=True),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
        ]
    )
    special = ["<pad>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special + [f"<0x{byte:02X}>" for byte in range(256)],
        show_progress=False,
        min_frequency=2,
    )
    tokenizer.train_from_iterator(texts, trainer)
    # Byte tokens are ordinary vocabulary, so that the text '<0x41>' is not read as one.
    document = json.loads(tokenizer.to_str())
    document["added_tokens"] = [t for t in document["added_tokens"] if t["content"] in special]
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=context,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast
