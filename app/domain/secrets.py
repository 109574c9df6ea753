"""Secrets in text: found so that they never become memories, masked in what is shown. Pure rules, no entropy guessing
over ordinary words. Used by extraction, by the HTTP answers and by recall.
"""

import re

MASK = "[secret]"

# Formats that name themselves: issuers' own prefixes, JSON web tokens, PEM blocks, credentials inside a URL.
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:sk|pk|rk)[-_](?:live|test|proj|ant|or)?[-_]?[A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"
    r"|\bxox[abeoprs]-[\w-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}"
    r"|\bhf_[A-Za-z0-9]{20,}|\bnpm_[A-Za-z0-9]{20,}|\bpypi-[\w-]{20,}|\bmneme_[A-Za-z0-9]+_[A-Za-z0-9]{16,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?<=://)[^\s/:@]{1,100}:[^\s/@]{1,200}(?=@)",
    re.DOTALL,
)
_WORDS = (
    r"pass(?:word|phrase|code|wd)|pwd|pw|(?:secret|private|api|access|signing|encryption|licen[cs]e)[ _-]?key"
    r"|api[ _-]?token|(?:auth|access|bearer|refresh|bot|session)[ _-]?token|token|client[ _-]?secret|secret"
    r"|(?:door|gate|alarm|safe|garage|entry|locker|lockbox)[ -]code|pin(?: code)?|cvv|cvc|recovery code"
    r"|seed phrase|otp"
)
# "my wifi password is hunter2", "api_key = abc123", "token: ...": the word, a verb or sign, then one value.
_NAMED = re.compile(
    rf"(?<![\w-])(?:{_WORDS})(?:\s+(?:for|to|of|on)\s+[\w .'-]{{1,40}}?)?"
    r"(?:\s*[:=]+\s*|\s+(?:is|was|'s)\s+(?:now\s+)?(?:set to\s+)?|'s\s+|\s+(?=[\"'`]))"
    r"(?P<value>[\"'`][^\"'`\n]{2,200}[\"'`]|[^\s,;]{3,200})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\bBearer\s+(?P<value>[A-Za-z0-9._~+/=-]{12,})", re.IGNORECASE)
_PIN = re.compile(r"\b(?:pin|cvv|cvc|otp|passcode)(?:\s+(?:code|number))?\s+(?P<value>\d{3,8})\b", re.IGNORECASE)
_CARD = re.compile(r"(?<![\d.+-])\d(?:[ -]?\d){12,18}(?![\d.])")
# After "password is ..." these are talk about a password, not one.
_TALK = re.compile(
    r"[\"'`]?(?:a|an|the|my|our|your|not|no|too|very|so|in|on|at|for|from|wrong|weak|strong|right|correct"
    r"|incorrect|long|short"
    r"|expired|expiring|gone|lost|stolen|missing|required|needed|invalid|valid|reset|changed|saved|stored|secret"
    r"|safe|old|new"
    r"|empty|blank|null|none|true|false|being|always|never|only|it|that|this|what|something|asking|hard|easy"
    r"|stuck|due|to"
    r"|working|broken|out|hidden|masked|encrypted|hashed|rotated|fine|ok|okay|annoying|ridiculous|down|up|\.\.\."
    r"|\*+)\b[.!?\"'`]*\Z",
    re.IGNORECASE,
)
_NEED_PROOF = re.compile(
    r"\A(?:token|secret|pin|otp|(?:door|gate|alarm|safe|garage|entry|locker|lockbox)(?:-code)?)\Z",
    re.IGNORECASE,
)
_MIXED = re.compile(r"(?=.*\d)|[^\w\s]|[a-z][A-Z]")
_TRIGGER = re.compile(
    r"pass|pwd|code|\bpw\b|key|token|secret|\bpin\b|cv[vc]|recovery|seed|\botp\b|bearer|://|eyJ|-----BEGIN|\d{4}"
    r"|sk[-_]|pk[-_]|rk[-_]|gh[pousr]_|xox|AKIA|ASIA|AIza|hf_|npm_|pypi-|glpat|mneme_",
    re.IGNORECASE,
)


# Cheap and wider than the trigger: most of what is said passes here at a twentieth of the cost.
_HINTS = (
    *("pass", "pwd", "code", "pw", "key", "token", "secret", "pin", "cvv", "cvc", "recovery", "seed", "otp", "bearer"),
    *("://", "eyj", "-----begin", "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "ghp_", "gho_", "ghu_", "ghr_", "ghs_"),
    *("xox", "akia", "asia", "aiza", "hf_", "npm_", "pypi-", "glpat", "mneme_"),
)
_FOUR_DIGITS = re.compile(r"\d{4}")


def _maybe(text: str) -> bool:
    folded = text.casefold()
    return any(hint in folded for hint in _HINTS) or _FOUR_DIGITS.search(text) is not None


def luhn(digits: str) -> bool:
    """The check digit of payment cards."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        number = int(char) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def _spans(text: str) -> list[tuple[int, int]]:
    if not _maybe(text) or not _TRIGGER.search(text):
        return []
    spans = [m.span() for m in _SHAPES.finditer(text)]
    for match in _NAMED.finditer(text):
        value = match["value"]
        word = re.split(r"[\s:='\"`]", match.group().strip(), maxsplit=1)[0]
        if _TALK.match(value) or value.strip("\"'`.!?") == "":
            continue
        if _NEED_PROOF.match(word) and not _MIXED.search(value.strip("\"'`.!?,")):
            continue
        spans.append(match.span("value"))
    spans += [m.span("value") for pattern in (_BEARER, _PIN) for m in pattern.finditer(text)]
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if luhn(digits) and len(set(digits)) > 1 and digits[0] in "3456":  # networks in use start with 3 to 6
            spans.append(match.span())
    return sorted(spans)


def contains_secret(text: str) -> bool:
    """Whether any password, token, key or card number stands in the text."""
    return bool(_spans(text))


def mask(text: str) -> str:
    """The text with every secret replaced by `[secret]`; text without one comes back unchanged."""
    parts: list[str] = []
    at = 0
    for start, end in _spans(text):
        if end <= at:
            continue
        if start >= at:
            parts += [text[at:start], MASK]
        at = end
    return "".join([*parts, text[at:]])
