"""Text for lexical search: words to stems, stems to term ids, texts to BM25 sparse vectors. For extraction and recall.

A document vector holds the saturated term frequency; the index multiplies by the IDF over the user's own points.
"""

import re
import threading
import unicodedata
import zlib
from collections import Counter
from functools import lru_cache

import numpy as np
import Stemmer

from app.domain.sparse import SparseVector

# The usual BM25 constants (Robertson and Zaragoza, 2009).
K1 = 1.2
B = 0.75
# Average lengths that stored vectors are made for, in terms: a chat turn, and a turn with its neighbours. Fixed, so
# that a stored vector never depends on what else a user said.
TEXT_LENGTH = 20
WINDOW_LENGTH = 60

# Longer words are identifiers or noise: they are searchable as they are, but neither stemmed nor cached.
_LONGEST_STEMMED = 48
_CACHED_WORDS = 65_536  # a few MB; a year of one household's chat has about 10,000 distinct words

# Function words of English. "may" and "will" are left out because they are also a month and a name: IDF weighs them.
_FUNCTION_WORDS = (
    "a about above after again against all am an and any are aren't as at be because been before being below "
    "between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each "
    "few for from further had hadn't has hasn't have haven't having he he'd he'll her here hers herself him "
    "himself his how i i'd i'll i'm i've if in into is isn't it it'd it'll its itself just me more most mustn't "
    "my myself needn't no nor not now of off on once only or other our ours ourselves out over own same shan't "
    "she she'd she'll should shouldn't so some such than that that'd that'll the their theirs them themselves "
    "then there these they they'd they'll they're they've this those through to too under until up us very was "
    "wasn't we we'd we'll we're we've were weren't what when where which while who whom whose why with won't "
    "would wouldn't you you'd you'll you're you've your yours yourself yourselves"
)
STOP_WORDS = frozenset(_FUNCTION_WORDS.split())

# Scripts written without spaces, and Korean, whose particles cling to the word: searched by pairs of characters.
_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
    "\uac00-\ud7a3"  # Korean
)
_HAN = re.compile("[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")

# Signs that belong to the letter before them, which `\w` leaves out. Points and accents are dropped, so that "Zoe"
# finds "Zoë"; Indic vowel signs stay.
_POINTS = "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670"  # Hebrew, Arabic
_ACCENTS = re.compile(f"[\u0300-\u036f{_POINTS}]")
_MARKS = "\u0483-\u0489\u0610-\u061a\u0900-\u0dff\u0f71-\u0f84\u200d"

_LETTER = rf"(?:[^\W_{_UNSPACED}]|[{_MARKS}])"
_DATE_OR_NUMBER = (
    r"(?P<date>(?<!\w)\d{4}-(?:0[1-9]|1[0-2])(?:-\d\d)?(?![-\d]))"
    r"|(?P<number>(?<!\w)\d+(?:[.,:]\d+)+(?!\w))"
)
_ASCII_TOKEN = re.compile(rf"{_DATE_OR_NUMBER}|(?P<run>(?!))|(?P<word>[a-z0-9]+(?:'[a-z0-9]+)*)")
_TOKEN = re.compile(rf"{_DATE_OR_NUMBER}|(?P<run>[{_UNSPACED}]+)|(?P<word>[^\W_{_UNSPACED}]{_LETTER}*(?:'{_LETTER}+)*)")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")

_local = threading.local()


def tokens(text: str) -> list[str]:
    """The searchable terms of `text`, in order: stems of its words without English stop words, numbers, dates (with
    their month and year as terms of their own), and pairs of characters where a script has no spaces.
    """
    found: list[str] = []
    if text.isascii():
        text, pattern = text.lower(), _ASCII_TOKEN
    else:
        text, pattern = _fold(text), _TOKEN
    for match in pattern.finditer(text):
        kind, term = match.lastgroup, match.group()
        if kind == "word":
            found.extend(_word(term) if len(term) <= _LONGEST_STEMMED else (term,))
        elif kind == "run":
            found.extend(_pairs(term))
        elif kind == "date":
            found.extend(dict.fromkeys((term, term[:7], term[:4])))
        elif _GROUPED.fullmatch(term):
            found.append(term.replace(",", ""))
        else:
            found.extend(term.split(","))
    return found


def term_id(stem: str) -> int:
    """A stable uint32 for a term (CRC-32: the same in every process and version)."""
    return zlib.crc32(stem.encode("utf-8", "surrogatepass"))


def document_vector(text: str, average_length: float) -> SparseVector:
    """BM25 term weights of a stored text: saturated frequencies, for a collection whose texts have `average_length`
    terms on average (a fixed constant, so that a stored vector never goes stale).
    """
    terms = tokens(text)
    norm = K1 * (1 - B + B * len(terms) / average_length)
    return _vector({term: count * (K1 + 1) / (count + norm) for term, count in _counts(terms).items()})


def query_vector(text: str) -> SparseVector:
    """The distinct terms of a question, each with the number of times that it occurs."""
    return _vector({term: float(count) for term, count in _counts(tokens(text)).items()})


def _counts(terms: list[str]) -> Counter[int]:
    return Counter(map(_term_id, terms))


def _vector(weights: dict[int, float]) -> SparseVector:
    ids = sorted(weights)
    return SparseVector(np.array(ids, dtype=np.uint32), np.array([weights[i] for i in ids], dtype=np.float32))


def _fold(text: str) -> str:
    """Compatibility forms, case and accents folded; curly apostrophes made straight."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text)))


def _pairs(run: str) -> list[str]:
    """All pairs of neighbouring characters, and each Chinese character alone, since it can be a word."""
    if len(run) == 1:
        return [run]
    return [run[i : i + 2] for i in range(len(run) - 1)] + _HAN.findall(run)


@lru_cache(maxsize=_CACHED_WORDS)
def _word(word: str) -> tuple[str, ...]:
    """The terms of one word, which may hold apostrophes: none for a stop word."""
    word = word.removesuffix("'s")
    if word in STOP_WORDS:
        return ()
    if "'" in word:
        return tuple(term for part in word.split("'") for term in _word(part))
    if ordinal := _ORDINAL.fullmatch(word):
        word = ordinal.group(1)
    if len(word) == 2 and word[0] == "0" and word.isdecimal():
        return (word[1],)
    return (_stemmer().stemWord(word),)


@lru_cache(maxsize=_CACHED_WORDS)
def _short_term_id(term: str) -> int:
    return term_id(term)


def _term_id(term: str) -> int:
    return _short_term_id(term) if len(term) <= _LONGEST_STEMMED else term_id(term)


def _stemmer() -> Stemmer.Stemmer:
    """One per thread: a PyStemmer object is not safe to share. Its own cache is off, ours is above it."""
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("english", 0)
    stemmer: Stemmer.Stemmer = _local.stemmer
    return stemmer
