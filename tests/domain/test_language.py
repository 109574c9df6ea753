"""Which language a question is in: certain or not at all, and never another one for English."""

import pytest

from app.domain.language import language_of

QUESTIONS = """
en Where does Anna live?
en Who is Bazyl?
en What is my job?
en What did Jolene eat in Rio de Janeiro?
en favorite restaurant in Porto
en When did she read "Die Verwandlung" and "La casa de los espíritus"?
en Where will Mag, An and Hur go?
de Wo wohnt Anna jetzt?
de Wann hat Maria Geburtstag?
de Was mag ich?
fr Où habite Anna ?
fr Qu\u2019est-ce que j'ai dit hier ?
fr Quand est mon anniversaire ?
es ¿Dónde vive Anna?
es donde vivo
es ¿Cuándo es mi cumpleaños?
it Dove vive Anna?
it Quando è il mio compleanno?
pt Onde mora a Anna?
pt Quando é o meu aniversário?
nl Waar woont Anna?
nl Wanneer ben ik jarig?
pl Gdzie mieszka Anna?
sv Vad heter min hund och när har jag semester?
da Hvornår har jeg ferie, og hvad hedder min hund?
no Hva heter hunden til Anna, og når har jeg ferie?
cs Kde bydlí Anna?
tr Anna nerede yaş\u0131yor, ne zaman?
ru Где живёт Анна?
uk Де живе Анна?
el Πού μένει η Άννα;
ar أين تعيش آنا؟
fa آنا کجا زندگی می‌کند و چه چیزی دوست دارد؟
hi अन्ना कहाँ रहती है?
ja アンナはどこに住んでいますか?
zh 安娜住在哪里?
zh Anna住在哪里?
ko 안나는 어디에 살아요?
""".strip().splitlines()

UNDETERMINED = [
    "",
    " ",
    "?",
    "Melanie?",
    "cats",
    "kids names",
    "Die Hard",
    "Las Vegas",
    "El Paso",
    "42",
    "Zoë",
    "weekend",
]


@pytest.mark.parametrize("line", QUESTIONS)
def test_a_question_is_in_its_language(line):
    language, text = line.split(" ", 1)
    assert language_of(text) == language


@pytest.mark.parametrize("text", [*UNDETERMINED, "\U0001f600", "a" * 8_192])
def test_what_cannot_be_told_is_undetermined(text):
    assert language_of(text) == "und"


def test_letters_count_whatever_their_form():
    assert language_of("Ou\u0300 habite Anna ?") == language_of("O\u00f9 habite Anna ?") == "fr"
