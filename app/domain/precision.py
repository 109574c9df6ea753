"""Which value of a single-valued attribute says more: a city more than its country, a firm more than its trade.

Pure; called by `decide`, because a vague statement does not take the place of a precise one.
"""

import re

# Words that say that something changed; then even a vague value is news ("moved to Germany").
_CHANGED = re.compile(
    r"\b(?:moved|moving|relocat\w+|switched|changed|promoted|became|becomes?|joined|started|left|quit|new|now|no longer"
    r"|any ?more|instead|transferred|hired|retired|since|used to|formerly)\b",
    re.IGNORECASE,
)
_PLACES = """
    afghanistan|albania|algeria|andorra|angola|argentina|armenia|australia|austria|azerbaijan|bahamas|bahrain|bangladesh
    |barbados|belarus|belgium|belize|benin|bhutan|bolivia|bosnia|botswana|brazil|brunei|bulgaria|burundi|cambodia
    |cameroon|canada|chad|chile|china|colombia|congo|costa rica|croatia|cuba|cyprus|czechia|czech republic|denmark
    |djibouti|dominican republic|ecuador|egypt|el salvador|england|eritrea|estonia|ethiopia|fiji|finland|france|gabon
    |gambia|georgia|germany|ghana|great britain|greece|guatemala|guinea|guyana|haiti|honduras|hungary|iceland|india
    |indonesia|iran|iraq|ireland|israel|italy|ivory coast|jamaica|japan|jordan|kazakhstan|kenya|korea|kosovo|kuwait
    |kyrgyzstan|laos|latvia|lebanon|lesotho|liberia|libya|liechtenstein|lithuania|madagascar|malawi|malaysia|maldives
    |mali|malta|mauritania|mauritius|mexico|moldova|mongolia|montenegro|morocco|mozambique|myanmar|namibia|nepal
    |netherlands|new zealand|nicaragua|niger|nigeria|north korea|north macedonia|northern ireland|norway|oman|pakistan
    |palestine|panama|papua new guinea|paraguay|peru|philippines|poland|portugal|qatar|romania|russia|rwanda
    |saudi arabia|scotland|senegal|serbia|sierra leone|slovakia|slovenia|somalia|south africa|south korea|south sudan
    |spain|sri lanka|sudan|suriname|sweden|switzerland|syria|taiwan|tajikistan|tanzania|thailand|togo|trinidad|tunisia
    |turkey|turkiye|turkmenistan|uganda|uk|ukraine|united arab emirates|uae|united kingdom|united states|uruguay|us|usa
    |uzbekistan|venezuela|vietnam|wales|yemen|zambia|zimbabwe|europe|asia|africa|america|north america|south america
    |latin america|central america|middle east|far east|balkans|scandinavia|caribbean|california|texas|florida|bavaria
    |andalusia|provence|tuscany|catalonia|abroad|overseas|a city|city|a town|town|countryside|suburbs|village|a village
    |coast|seaside|north|south|east|west|up north|down south|somewhere|big city|small town"""
_TRADES = """
    tech|technology|it|software|finance|banking|insurance|law|education|teaching|healthcare|medicine|retail|sales
    |marketing|consulting|logistics|construction|hospitality|media|publishing|fashion|research|academia|science|design
    |engineering|manufacturing|government|public sector|private sector|nonprofit|charity|office|startup|a startup
    |company|a company|big company|small company|corporate|industry|real estate|energy|agriculture|tourism|gastronomy"""


def _alternatives(text: str) -> frozenset[str]:
    return frozenset(" ".join(part.split()) for part in text.split("|"))


_VAGUE = {
    "home": _alternatives(_PLACES),
    "employer": _alternatives(_TRADES),
    "job": _alternatives(_TRADES),
}
_VAGUE["city"] = _VAGUE["location"] = _VAGUE["residence"] = _VAGUE["home"]
_VAGUE["workplace"] = _VAGUE["company"] = _VAGUE["occupation"] = _VAGUE["employer"]


def is_vague(attribute: str | None, value: str | None, text: str) -> bool:
    """Whether the statement names only a wide region or trade and no change to it."""
    kinds = _VAGUE.get(attribute or "")
    if kinds is None or value is None:
        return False
    return value.casefold().removeprefix("the ") in kinds and not _CHANGED.search(text)


def refines(fine: str | None, coarse: str | None, coarse_text: str) -> bool:
    """Whether `fine` is `coarse` with more to it ("lisbon portugal" of "lisbon") and the latter tells of no change."""
    if not fine or not coarse or _CHANGED.search(coarse_text):
        return False
    words, fewer = fine.casefold().split(), coarse.casefold().split()
    digits = [word for word in words if any(c.isdigit() for c in word)]
    return set(fewer) < set(words) and not digits
