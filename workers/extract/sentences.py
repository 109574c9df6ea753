"""Text to clauses that could each be one statement: code, quotes and chat noise taken out. For the local extractor."""

import re
from dataclasses import dataclass

_CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_QUOTE_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_QUOTED = re.compile(r"\"[^\"\n]{1,2000}\"|\u201c[^\u201d]{1,2000}\u201d|\u00ab[^\u00bb]{1,2000}\u00bb", re.DOTALL)
_URL = re.compile(r"\b(?:https?://|www\.)\S+")
_EMOJI = re.compile(
    "(?:[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d]|<3|[:;]-?[)(DPp/|](?=\\s|$|[.,]))+"
)
_END = re.compile(
    r"(?<=[.!?\u2026])[\"'\u2019\u201d)\]]*\s+|\s*\n+\s*|(?<=[\w)]);\s+|\s+[\u2014\u2013-]{1,2}\s+"
    r"|(?<=\w):\s+(?=(?:[Ii]|[Mm]y|[Ww]e|[Oo]ur)\b)"
)
_INITIAL = re.compile(
    r"(?:\b(?:dr|mr|mrs|ms|prof|st|vs|approx|e\.g|i\.e|cf)|(?:^|\s)[A-Z]|^\d{1,2})\.\Z", re.IGNORECASE
)
_LIST_MARK = re.compile(r"^(?:[-*\u2022\u00b7]|\(?\d{1,2}[.)])\s+")
_CODE_LINE = re.compile(
    r"^\s*(?:\$ |>>> |#!|import \w|from \w+ import|def \w+\(|class \w+[(:]|return\b.*[;()]|SELECT .* FROM"
    r"|Traceback|File \""
    r"|[+-]{1,3} ?\w+.*[=;{(]|[{}<]|(?:FAILED|ERROR|WARN(?:ING)?|INFO|DEBUG)\b)|[;{]\s*$|\w+\(.*\)\s*;?$|=>|=="
    r"|\|\|?\s|::",
)
_NOUN_ONLY = re.compile(r"^(?!I\b|We\b)(?:(?:[Mm]y|[Oo]ur|[Mm]e)\b|[A-Z])[\w'-]*(?:\s+[\w-]+){0,3}$")
LONGEST_SENTENCE = 1_000  # characters; what runs on for longer is a list or a dump
QUOTED_WORDS = 5  # a longer quotation is somebody's words, unless it is a title
TITLE_WORDS = 10

# Long runs say no more than short ones, and would cost the patterns below their square.
_RUNS = (
    (re.compile(r"[^\S\n]+"), " "),
    (re.compile(r"\n[ \n]+"), "\n"),
    (re.compile(r"([^\w\s])\1{3,}"), r"\1\1\1"),
)

# Said before the matter itself; taken away again and again.
_LEAD = re.compile(
    r"^(?:(?:ok(?:ay)?|oh|ah+|aha|hm+|hey|hi|hello|yo|so|well|and|but|also|plus|then|btw|by the way|fyi|anyway"
    r"|anyways|right"
    r"|yes|yeah|yep|yup|ya|no|nope|nah|haha+|hahah\w*|lol|lmao+|omg|wow|ugh|oof|ouch|honestly|actually|basically"
    r"|tbh|literally"
    r"|thanks|thank you|thx|ta|cheers|great|good|nice|cool|perfect|sweet|awesome|sure|exactly|true|finally|update"
    r"|correction"
    r"|good news|bad news|guess what|sorry|quick q(?:uestion)?|morning|good (?:morning|afternoon|evening)"
    r"|well done|i mean"
    r"|you know|oops|whoops|no+|bye|ha|hm+|besides|speaking of which|funny enough|to be honest|in fact|of course"
    r"|fine|alright|listen|look|man|dude|gosh"
    r"|god|damn|yay|hooray|phew|meanwhile|otherwise|for now|fun fact|long story short|one more thing|ps|p\.s|note"
    r"|because|cause|no wait|wait"
    r"|cuz|since you ask|or)\b(?:[,:!.\s\u2026]+|$))",
    re.IGNORECASE,
)
_KEEP_LEAD = re.compile(
    r"^(?!no wait)(?i:no|so|well|good|right|fine|nice|great|sure|look|god|note|man|or|true)\s+[a-z]"
)
_SOFT_LEAD = re.compile(r"^(?:so|and|but|also|plus|then|or|because|cause|cuz)\b", re.IGNORECASE)
_TAIL = re.compile(
    r"(?:[\s,]+(?:lol|lmao+|haha+|hehe|btw|tbh|fwiw|imo|imho|please|thx|thanks|honestly|actually|though|tho"
    r"|obviously|you know"
    r"|innit|mate|ok|okay|right|anyway|i guess|yk|fyi|so|and|but)|\s*[,;:\u2026\u2013\u2014-]|\.{2,})+(?=[.!?]*$)",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r",?\s+(?:by the way|btw|fwiw|for what it's worth|to be honest|tbh|if I'm honest|mind you|for the"
    r" record)\b,?(?=\s|$)",
    re.IGNORECASE,
)
_CHAT = (
    (re.compile(r"[\u2018\u2019\u02bc]"), "'"),
    (re.compile(r"\bi(?='|\b)(?!\.)"), "I"),
    (re.compile(r"\b[Ii]m\b"), "I'm"),
    (re.compile(r"\b[Ii]ve\b"), "I've"),
    (re.compile(r"\bdont\b"), "don't"),
    (re.compile(r"\bcant\b"), "can't"),
    (re.compile(r"\bdidnt\b"), "didn't"),
    (re.compile(r"\bwont\b"), "won't"),
    (re.compile(r"\b(?:gonna|gunna)\b", re.IGNORECASE), "going to"),
    (re.compile(r"\bwanna\b", re.IGNORECASE), "want to"),
    (re.compile(r"\bgotta\b", re.IGNORECASE), "have to"),
    (re.compile(r"\bkinda\b", re.IGNORECASE), "somewhat"),
    (re.compile(r"\bu\b"), "you"),
    (re.compile(r"\bur\b"), "your"),
    (re.compile(r"\b(?:pls|plz)\b", re.IGNORECASE), "please"),
    (re.compile(r"\bw/ ?(?=\w)"), "with "),
    (re.compile(r"\bthx\b", re.IGNORECASE), "thanks"),
)
_SUBJECT = (
    r"(?:I\b|I'|[Ww]e\b|[Ww]e'|[Mm]y |[Oo]ur |(?:he|she|they)(?:'|\b)|[A-Z][a-z]+(?:'s)? (?:is|has|was|lives"
    r"|works)\b)"
)
_ASKED = (
    r"(?:(?:can|could|would|will) you\b|what(?:'?s| is| are| do| should)\b|how (?:do|can|should|would|much"
    r"|many)\b|where do\b"
    r"|any (?:ideas?|tips?|advice)\b|do (?:I|you)\b|should I\b|is (?:it|that)\b)"
)
_JOIN = re.compile(
    rf",?\s+(?:and|but|so|plus|also|and also|and then|though)\s+(?={_SUBJECT}|{_ASKED})"
    rf"|,\s+(?=(?:I\b|I'|[Ww]e\b|[Ww]e'|(?:he|she|they)(?:'|\b))|{_ASKED})"
)
_OWN_SUBJECT = re.compile(
    r"^(?:I|[Ww]e)(?='m\b|'re\b|'ve\b| (?!(?:want|need|think|hope|wish|would|should|could|can|must|have to|will)\b))"
)
# What people say of themselves in the present, as the second verb of a sentence.
_NEXT_STATE = re.compile(
    r",? and (?:also )?(?=(?:live|work (?:at|as|for|in|part|full)|speak [A-Z]|study|teach|own (?:a|an|the|two)"
    r"|have (?:a|an|two|three"
    r"|four|five|one)|drive an?|play the|am (?:a|an|allergic)|was born|moved to [A-Z]|grew up)\b)"
)
_SUBORDINATE = re.compile(
    r"^(?:if|when|while|since|because|after|before|as|although|though|until|once|whenever|unless)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One possible statement. `asks` if it stood in a question; `quoted` if a longer quotation was cut out of it."""

    text: str
    sentence: int
    asks: bool = False
    quoted: bool = False
    polite: bool = False  # "please" was said
    lead: str = ""  # what was said before the matter itself ("no, sorry,")


def clauses(content: str) -> list[Clause]:
    """The clauses of a message in order, without code, quotations, links, emoji and the noise around them."""
    text = _CODE_BLOCK.sub("\n", content)
    for pattern, shorter in _RUNS:
        text = pattern.sub(shorter, text)
    text = _QUOTE_LINE.sub("\n", text)
    text = _URL.sub(" ", text)
    text = _EMOJI.sub("\n", text)
    text = _QUOTED.sub(_short_quotes, text)
    found: list[Clause] = []
    for number, sentence in enumerate(_sentences(text)):
        if len(sentence) > LONGEST_SENTENCE or _CODE_LINE.search(sentence):
            continue
        asks = sentence.rstrip("\"') ").endswith("?")
        quoted = "\ue100" in sentence
        bare = sentence.replace("\ue100", " ")
        polite = re.search(r"\b(?:pls|plz|please)\b", bare, re.IGNORECASE) is not None
        lead, matter = _clean(bare)
        pieces = [piece for piece in _split(matter) if piece]
        found += [Clause(c, number, asks, quoted, polite, "" if place else lead) for place, c in enumerate(pieces)]
    return found


def _short_quotes(match: re.Match[str]) -> str:
    """A few words, or a title ("The Lord of the Rings"), stay; a longer quotation is somebody's words."""
    said = match.group().split()
    title = len(said) <= TITLE_WORDS and not match.group()[:-1].endswith((".", "!", "?"))
    capitals = sum(word.strip("\"\u201c\u201d\u00ab\u00bb'(")[:1].isupper() for word in said)
    return match.group() if len(said) < QUOTED_WORDS or (title and capitals > len(said) / 2) else " \ue100 "


def _sentences(text: str) -> list[str]:
    parts: list[str] = []
    pending = ""
    at = 0
    for match in [*_END.finditer(text), None]:
        end = match.start() if match else len(text)
        piece = pending + text[at:end]
        at = match.end() if match else end
        broken = match is not None and "\n" in match.group()
        if match is not None and not broken and _INITIAL.search(piece):
            pending = piece + " "
            continue
        pending = ""
        if piece.strip():
            parts.append(_LIST_MARK.sub("", piece.strip()))
    return parts


def _clean(sentence: str) -> tuple[str, str]:
    """What was said before the matter, and the matter."""
    for pattern, better in _CHAT:
        sentence = pattern.sub(better, sentence)
    sentence = re.sub(r"\s+", " ", sentence).strip(" \t,;:")
    said: list[str] = []
    while (lead := _LEAD.match(sentence)) and not (_KEEP_LEAD.match(sentence) and not _SOFT_LEAD.match(sentence)):
        said.append(lead.group().strip(" ,.;:!\u2026").lower())
        sentence = sentence[lead.end() :].lstrip(" ,;:-")
    return " ".join(said), _trim(sentence)


def _trim(text: str) -> str:
    text = _ASIDE.sub(" ", text)
    text = _TAIL.sub("", text.rstrip(" .!?\u2026,;:"))
    return text.strip(" .!?\u2026,;:")


def _split(sentence: str) -> list[str]:
    """Cut where a new subject begins, unless the sentence opens with a subordinate clause."""
    if _SUBORDINATE.match(sentence):
        return [sentence]
    if not _JOIN.search(sentence):
        return _apart(sentence)
    parts: list[str] = []
    at = 0
    for join in _JOIN.finditer(sentence):
        before = sentence[at : join.start()]
        if sentence[: join.start()].count("(") > sentence[: join.start()].count(")"):
            continue
        if "and" in join.group() and _NOUN_ONLY.match(before):
            continue  # "my sister and I went": one subject
        parts.append(_trim(before))
        at = join.end()
    parts.append(_trim(sentence[at:]))
    merged: list[str] = []
    for part in parts:
        # A stub ("sorry", "on the bright side") belongs to what follows it.
        if merged and len(merged[-1].split()) < 3:
            merged[-1] = f"{merged[-1]}, {part}"
        else:
            merged.append(part)
    return [piece for part in merged for piece in _apart(part)]


def _apart(part: str) -> list[str]:
    """Two states of one person as two clauses: "I live in Ghent and work as a nurse"."""
    subject = _OWN_SUBJECT.match(part)
    if subject is None:
        return [part]
    pieces = _NEXT_STATE.split(part)
    return [pieces[0], *(f"{subject.group()} {piece}" for piece in pieces[1:])]
