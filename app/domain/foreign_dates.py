"""Calendar dates, and the nearest days, weeks, months and years, in questions of other languages than English. Pure;
for `asked_times`.

Months are told by the beginnings of their names, which their cases leave alone: "3 maja", "3. Mai 2024", "3 de mayo".
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from app.domain.days import Meaning, a_day, a_month, a_season, a_year, carried

Found = tuple[int, int, date, date]  # where it stands, and the days that it covers

# German, French, Spanish, Italian, Portuguese, Dutch, Polish, Russian.
_MONTHS = (
    "jan gennai enero styczni январ",
    "feb fév fev lute феврал",
    "mär mars marz maart març marca marcu marzec март",
    "avr abr apr kwie апрел",
    "mai maggi mayo mei maj май мая мае",
    "jun juin giugn czerw июн",
    "jul juil lugl lipc lipi июл",
    "aug aoû agost sierp август",
    "sept setembr settembr setiembr wrze сентябр",
    "okt oct ott outubr paźdz октябр",
    "nov listopad ноябр",
    "dez déc dece dici grud декабр",
)
_NUMBER_OF = {start: number for number, starts in enumerate(_MONTHS, 1) for start in starts.split()}
_MONTH = "|".join(sorted(_NUMBER_OF, key=len, reverse=True))
_YEAR = r"(?:19|20)\d\d"
_DAY_OF_MONTH = re.compile(
    rf"(?<!\w)(?P<day>\d{{1,2}})(?:\.|º|er)?\s*(?:de\s+|di\s+)?(?P<month>{_MONTH})[^\W\d_]*\.?"
    rf"(?:,?\s+(?:de\s+|del\s+)?(?P<year>{_YEAR}))?(?!\w)",
    re.IGNORECASE,
)
_MONTH_OF_YEAR = re.compile(
    rf"(?<!\w)(?P<month>{_MONTH})[^\W\d_]*\s+(?:de\s+|del\s+)?(?P<year>{_YEAR})(?!\w)", re.IGNORECASE
)
_IDEOGRAPHIC = re.compile(r"(?:(?P<year>(?:19|20)\d\d)年)?(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})[日号])?")

_Rule = Callable[[date], Meaning]


def _week(steps: int) -> _Rule:
    def of(today: date) -> Meaning:
        monday = a_day(today - timedelta(days=today.weekday() - 7 * steps))
        return Meaning(monday.first, monday.first + timedelta(days=6), monday.precision, monday.label)

    return of


def _last_season(name: str) -> _Rule:
    def of(today: date) -> Meaning:
        return a_season(name, today.year - (a_season(name, today.year).last >= today))

    return of


def _day(steps: int) -> _Rule:
    return lambda today: a_day(today + timedelta(days=steps))


# What is said, over all of these languages; the longer one counts where one is a part of another.
_WORDS: tuple[tuple[str, _Rule], ...] = (
    ("vorgestern|avant-hier|anteayer|l'altro ieri|anteontem|eergisteren|przedwczoraj|позавчера|前天|一昨日", _day(-2)),
    ("gestern|ayer|ieri|ontem|gisteren|wczoraj|вчера|昨天|昨日", _day(-1)),
    ("heute|aujourd'hui|hoy|oggi|hoje|vandaag|dzisiaj|dziś|сегодня|今天|今日", _day(0)),
    ("morgen|demain|mañana|domani|amanhã|jutro|завтра|明天|明日", _day(1)),
    (
        (
            "letzte woche|letzter woche|semaine dernière|semana pasada|settimana scorsa|semana passada|vorige week"
            "|afgelopen week|zeszłym tygodniu|прошлой неделе|上周|上星期|先週"
        ),
        _week(-1),
    ),
    (
        (
            "nächste woche|nächster woche|semaine prochaine|próxima semana|settimana prossima|volgende week"
            "|przyszłym tygodniu|следующей неделе|下周|下星期|来週"
        ),
        _week(1),
    ),
    (
        (
            "letzten monat|letztem monat|mois dernier|mes pasado|mese scorso|mês passado|vorige maand|afgelopen maand"
            "|zeszłym miesiącu|прошлом месяце|上个月|先月"
        ),
        lambda today: a_month(*carried(today.year, today.month - 1)),
    ),
    (
        (
            "letztes jahr|letztem jahr|l'année dernière|l'an dernier|año pasado|anno scorso|ano passado|vorig jaar"
            "|zeszłym roku|прошлом году|去年|昨年"
        ),
        lambda today: a_year(today.year - 1),
    ),
    (
        (
            "letzten sommer|letztem sommer|l'été dernier|verano pasado|estate scorsa|verão passado|vorige zomer"
            "|zeszłe lato|прошлым летом|去年夏天|去年の夏"
        ),
        _last_season("summer"),
    ),
    (
        (
            "letzten winter|letztem winter|l'hiver dernier|invierno pasado|inverno scorso|inverno passado|vorige winter"
            "|zeszłej zimy|прошлой зимой|去年冬天|去年の冬"
        ),
        _last_season("winter"),
    ),
)
_OF_WORD = {word: rule for words, rule in _WORDS for word in words.split("|")}
_SAID = re.compile(
    "|".join(
        re.escape(word) if word[0] > "\u2e80" else rf"(?<!\w){re.escape(word)}(?!\w)"
        for word in sorted(_OF_WORD, key=len, reverse=True)
    ),
    re.IGNORECASE,
)


def foreign(text: str, today: date) -> Iterator[Found]:
    """Where a text names days in one of these languages. A date without a year is the last one that was. The French
    word for yesterday is left out: in German and Dutch it is "here".
    """
    for m in _SAID.finditer(text):
        meaning = _OF_WORD[m.group().lower()](today)
        yield (*m.span(), meaning.first, meaning.last)
    taken = 0
    for pattern in (_DAY_OF_MONTH, _MONTH_OF_YEAR, _IDEOGRAPHIC):
        for m in pattern.finditer(text):
            if m.start() < taken:
                continue  # the month of a date that has its day
            taken = m.end()
            groups = m.groupdict()
            written = groups["month"].lower()
            month = int(written) if written.isdigit() else _NUMBER_OF[written]
            try:
                found = _placed(today, groups["year"], month, groups.get("day"))
            except ValueError:  # no such day
                continue
            yield (*m.span(), *found)


def _placed(today: date, year: str | None, month: int, day: str | None) -> tuple[date, date]:
    numbered = int(year) if year else today.year - (month > today.month)
    if day is None:
        meaning = a_month(numbered, month)
        return meaning.first, meaning.last
    when = date(numbered, month, int(day))
    if not year and when > today:
        when = date(numbered - 1, month, int(day))
    return when, when
