"""What a username may be, and what one is told of a name that cannot be had."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from room import is_told

from gchatd.doors.sentences import sentence
from gchatd.errors import Refused
from gchatd.text.cleaning import clean
from gchatd.text.names import LONGEST_NAME, Name, parse_name

ALLOWED_ASCII = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-[]{}|^`"
NAMES = [
    "Ann", "ann_2", "x", "4ever", "[_-{}|^`]", "Ágnes", "Łukasz", "Nguyễn", "Олег", "Ελένη", "Ἑλένη", "דוד", "א1",
    "أحمد", "محمّد", "मीरा", "४a", "সুমিত", "สมชาย", "မြို့", "さくら", "サクラ", "李明", "지수", "Գոռ", "გიორგი", "𐐔𐐯𐑅",
]  # fmt: skip

brief = settings(max_examples=200, deadline=None)
ascii_names = st.text(st.sampled_from(ALLOWED_ASCII), min_size=1, max_size=LONGEST_NAME)
EDGY = "aZ09٤४４ＡǅΣİßſKアｶﾞא_.#@/~' \u0301\u0323\u20e3\ufe0f\u200c\u200d\u202e\u2028\x1b\x9b\r\t\0\ud800👍"
pieces = (
    st.sampled_from([*EDGY, "server"])
    | st.characters(categories=["Lu", "Ll", "Lo", "Lm", "Nd", "Mn", "Mc"])
    | st.characters()
)


def refusal(typed: str) -> str:
    """What one is told of this name, in words that are safe on any terminal."""
    with pytest.raises(Refused) as told:
        parse_name(typed)
    text = sentence(told.value.refusal)
    assert text.isprintable()
    assert clean(text) == text
    return text


# Names that can be had.


@pytest.mark.parametrize("typed", NAMES)
def test_a_name_of_letters_and_digits_of_any_script_is_shown_as_typed(typed):
    assert parse_name(typed).shown == typed


@given(ascii_names.filter(lambda name: not name.isdigit() and name.lower() != "server"))
@brief
def test_a_name_in_ascii_is_shown_as_typed_and_compared_in_lower_case(typed):
    assert parse_name(typed) == Name(shown=typed, compared=typed.lower())


@pytest.mark.parametrize(
    ("typed", "shown", "compared"),
    [
        ("Ａｎｎ２", "Ann2", "ann2"),  # fullwidth
        ("ｻｸﾗ", "サクラ", "サクラ"),  # halfwidth
        ("ｶﾞ", "ガ", "ガ"),
        ("A\u0301gnes", "Ágnes", "ágnes"),  # what composes is composed
        ("Nguye\u0302\u0303n", "Nguyễn", "nguyễn"),
        ("Nguye\u0303\u0302n", "Nguyẽ\u0302n", "nguyẽ\u0302n"),  # in another order these are other letters
        ("ОЛЕГ", "ОЛЕГ", "олег"),
        ("ΣΑΣ", "ΣΑΣ", "σας"),
        ("Straße", "Straße", "straße"),
        ("STRASSE", "STRASSE", "strasse"),  # lower case is not case folding
        ("İ", "İ", "i\u0307"),
        ("ı", "ı", "ı"),
    ],
)
def test_a_name_is_shown_and_compared_as_precis_says(typed, shown, compared):
    assert parse_name(typed) == Name(shown, compared)


@pytest.mark.parametrize("typed", ["x" * 32, "é" * 32, "e\u0301" * 32, "ｶﾞ" * 32, "漢" * 32, "𐐔" * 32, "İ" * 32])
def test_a_name_has_at_most_32_characters_as_shown(typed):
    assert len(parse_name(typed).shown) == 32
    assert refusal(typed + typed[: len(typed) // 32]) == "A username can have at most 32 characters; that one has 33."


@pytest.mark.parametrize("typed", ["servers", "server_", "serve", "sérver", "server2"])
def test_what_is_merely_like_a_reserved_name_is_not_reserved(typed):
    assert parse_name(typed).shown == typed


# Names that cannot be had.


def test_of_ascii_only_letters_digits_and_some_symbols_are_allowed():
    for char in map(chr, range(128)):
        if char in ALLOWED_ASCII:
            assert parse_name(f"a{char}b").shown == f"a{char}b"
        else:
            assert refusal(f"a{char}b").startswith("A username cannot contain ")


@pytest.mark.parametrize(
    ("typed", "described"),
    [
        ("al ice", "a space"),
        (" alice", "a space"),
        ("al.ice", "'.'"),
        ("o'neil", "'''"),
        ("#lobby", "'#'"),
        ("a@b", "'@'"),
        ("/quit", "'/'"),
        ("~root", "'~'"),
        ("a\tb", "the character U+0009"),
        ("a\x1b[31mb", "the character U+001B"),
        ("a\x85b", "the character U+0085"),
        ("a\u00a0b", "the character U+00A0"),
        ("a\u00adb", "the character U+00AD"),
        ("a\u200bb", "the character U+200B"),
        ("a\u200cb", "the character U+200C"),
        ("a\u200db", "the character U+200D"),
        ("\ufeffann", "the character U+FEFF"),
        ("a\u202eb", "the character U+202E"),
        ("a\u2066b", "the character U+2066"),
        ("a\u2028b", "the character U+2028"),
        ("a\ud800b", "the character U+D800"),
        ("a\ue000b", "the character U+E000"),
        ("a\U000e0041b", "the character U+E0041"),
        ("a\U0010ffffb", "the character U+10FFFF"),
        ("👍", "'👍'"),
        ("👩\u200d👧", "'👩'"),
        ("a²", "'²'"),
        ("Ⅷ", "'Ⅷ'"),
        ("①", "'①'"),
        ("ann＿2", "'＿'"),  # fullwidth symbols are no symbols of ours
        ("a．b", "'．'"),
        ("l·l", "'·'"),
    ],
)
def test_a_character_that_no_name_contains_is_told(typed, described):
    allowed = "use letters, digits and - [ ] ^ _ ` { | }."
    assert refusal(typed) == f"A username cannot contain {described}: {allowed}"


@pytest.mark.parametrize("typed", ["1", "12345", "0", "４２", "४२", "۴۲", "๔๒", "៤", "4४４", "༤"])
def test_a_name_is_not_digits_only_in_any_script(typed):
    assert refusal(typed) == "A username cannot be all digits."


@pytest.mark.parametrize("typed", ["server", "Server", "SERVER", "sErVeR", "ｓｅｒｖｅｒ", "ＳＥＲＶＥＲ", "Ｓerver"])
def test_nobody_is_the_server(typed):
    assert refusal(typed).startswith("That username is reserved: ")


@pytest.mark.parametrize("mark", ["\u0301", "\u0323", "\u0e49", "\u05b0"])
def test_a_letter_in_a_name_does_not_carry_a_stack_of_accents(mark):
    letter = {"\u0e49": "ก", "\u05b0": "א"}.get(mark, "x")
    assert parse_name(letter + mark).shown == letter + mark
    assert refusal(letter + mark * 6) == "That username has too many accents on one letter."


@pytest.mark.parametrize(
    "typed",
    [
        "אa", "aא", "1א", "aאa",  # in both directions at once
        "𝐀nn", "ﬁ", "ª", "ʰ", "ſerver", "ﷺ",  # compatibility forms
        "a\ufe0f", "a\u034f", "a\u180b", "\u3164", "a\u115f", "\uffa0", "a\u17b4",  # what is not seen
    ],
)  # fmt: skip
def test_what_precis_does_not_allow_is_refused(typed):
    assert refusal(typed).startswith("That username mixes characters in a way that is not allowed (DISALLOWED/")


def test_a_name_is_not_empty():
    assert refusal("") == "A username cannot be empty."


# What holds for any text at all.


@given(st.lists(pieces, max_size=12).map("".join) | st.lists(pieces, max_size=60).map("".join))
@settings(max_examples=800, deadline=None)
def test_any_text_is_a_name_that_reads_back_as_itself_or_is_refused_in_printable_words(typed):
    try:
        name = parse_name(typed)
    except Refused:
        refusal(typed)
    else:
        assert parse_name(name.shown) == name
        assert 1 <= len(name.shown) <= LONGEST_NAME
        assert name.shown.isprintable()
        assert clean(name.shown) == name.shown
        assert name.compared != "server"
        assert not set(name.shown) & set(" .'#@/~:*")


@pytest.mark.parametrize("piece", ["x", "é", "\u0301", "\u0316\u0301", "ａ", "א", "İ", "\uac00\u11a8"])
def test_a_whole_line_for_a_name_is_refused_and_not_repeated(piece):
    assert len(refusal(piece * 4096)) < 200


@pytest.mark.parametrize("name", ["\u0301", "\u0301abc", "\u0902"])
def test_a_name_does_not_begin_with_an_accent(name):
    with is_told("cannot begin with an accent"):
        parse_name(name)


def test_a_stack_of_marks_as_long_as_a_line_is_refused_before_it_costs_anything():
    with is_told("at most 32 characters; that one has 2000000"):
        parse_name("\u0316\u0301" * 1_000_000)
