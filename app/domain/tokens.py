"""Counting and cutting text in model tokens, exactly. Used by recall's packing and by extraction's segments.

Only the Rust part of `bpe_openai` is loaded: its vocabularies are inside, so nothing is fetched, and the Python part of
the package reads three vocabularies into dictionaries on import (0.5 s, 80 MB) that counting never looks at.
"""

import importlib.machinery
import importlib.util
from functools import lru_cache
from typing import Literal, Protocol, cast

TokenizerFamily = Literal["o200k", "cl100k"]

_PACKAGE = "bpe_openai"
_BINDINGS = "bpe_openai._bindings"


class _Tokenizer(Protocol):
    def count(self, text: str) -> int: ...
    def count_till_limit(self, text: str, token_limit: int) -> int | None: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, tokens: list[int]) -> str: ...


def count_tokens(text: str, family: TokenizerFamily = "o200k") -> int:
    """How many tokens `text` is; strings such as `<|endoftext|>` count as the plain text that they are."""
    return _tokenizer(family).count(text)


def fits(text: str, tokens: int, family: TokenizerFamily = "o200k") -> bool:
    """Whether `text` is at most `tokens` long; stops counting at the limit."""
    return _tokenizer(family).count_till_limit(text, max(0, tokens)) is not None


def truncate_to_tokens(text: str, tokens: int, family: TokenizerFamily = "o200k") -> str:
    """The longest prefix made of whole tokens that is never over `tokens` when it is counted again."""
    if tokens <= 0:
        return ""
    tokenizer = _tokenizer(family)
    if tokenizer.count_till_limit(text, tokens) is not None:
        return text
    ids = tokenizer.encode(text)[:tokens]
    # A cut can fall inside a character, and the shorter text may split into more tokens than it had within the longer
    # one; one or two steps back are enough in practice, the empty prefix always is.
    for end in range(len(ids), 0, -1):
        prefix = _decode(tokenizer, ids[:end])
        if prefix is not None and tokenizer.count(prefix) <= tokens:
            return prefix
    return ""


def _decode(tokenizer: _Tokenizer, ids: list[int]) -> str | None:
    try:
        return tokenizer.decode(ids)
    except ValueError:  # the last character is incomplete
        return None


@lru_cache(maxsize=2)
def _tokenizer(family: TokenizerFamily) -> _Tokenizer:
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or package.submodule_search_locations is None:
        raise ModuleNotFoundError(f"{_PACKAGE} is not installed", name=_PACKAGE)
    spec = importlib.machinery.PathFinder.find_spec(_BINDINGS, list(package.submodule_search_locations))
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{_PACKAGE} has no compiled part for this platform", name=_BINDINGS)
    bindings = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bindings)
    return cast("_Tokenizer", bindings.tokenizer_for_encoding(f"{family}_base"))
