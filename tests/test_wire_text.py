"""What is left of a line once it is safe on anybody's terminal."""

from __future__ import annotations

import unicodedata
from itertools import groupby

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gchatd.text.cleaning import MARKS_IN_A_ROW, clean

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
C0 = "".join(map(chr, [*range(0x20), 0x7F]))
C1 = "".join(map(chr, range(0x80, 0xA0)))
TAGS = "".join(map(chr, range(0xE0000, 0xE0080)))
OPENS_7 = ["\x1bP", "\x1bX", "\x1b]", "\x1b^", "\x1b_"]  # DCS, SOS, OSC, PM, APC
OPENS_8 = ["\x90", "\x98", "\x9d", "\x9e", "\x9f"]
STRING_ENDS = ["\x07", "\x1b\\", "\x9c"]  # BEL, and ST in both forms

brief = settings(max_examples=200, deadline=None)

printable_ascii = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
plain = st.text(st.sampled_from("az AZ09 []?;m\\éя漢ש😀"))
INVISIBLE = "\u2028\u2029\u200c\u200d\ufe0f\U000e0041\U000e007f\ud83d\ude00\udcff"
pieces = (
    st.sampled_from([*C0, *C1, *BIDI, *INVISIBLE, *OPENS_7, *STRING_ENDS, "\x1b[", "\x1b("])
    | st.sampled_from(["é", "👩", "0", ";", "m", "\\", "\u0301", "\u0323", "\u20e3", "\u0301\u0323" * 3])
    | st.characters(categories=["Mn", "Me", "Cf", "Cc", "Cs", "Zl", "Zp"])
    | st.text(max_size=4)
)
texts = st.lists(pieces).map("".join)


def is_forbidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in BIDI or char in TAGS


def longest_stack(text: str) -> int:
    """The most marks on one letter, however many invisible characters are between them."""
    categories = [category for category in map(unicodedata.category, text) if category != "Cf"]
    stacks = groupby(categories, lambda category: category in ("Mn", "Me"))
    return max((len(list(stack)) for is_stack, stack in stacks if is_stack), default=0)


# What goes.


@pytest.mark.parametrize("char", [*C0, *C1, *BIDI, "\u2028", "\u2029", *"\u206a\u206f\ufff9\ufffb", "\ud83d"])
def test_a_character_that_terminals_obey_or_readers_are_fooled_by_is_removed(char):
    assert clean(f"é{char}") == "é" + " " * (char == "\t")
    assert clean(f"a{char}{char}") == "a" + "  " * (char == "\t")


def test_tags_spell_nothing_that_only_some_can_read():
    assert clean(f"hi{TAGS}!") == "hi!"
    assert clean("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f") == "🏴"


def test_a_tab_is_a_space():
    assert clean("a\tb\t\tc") == "a b  c"
    assert clean("a\x1b[3\t1mb") == "a1mb"  # not a way around: what is left is harmless


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mred\x1b[m", "red"),
        ("\x9b31mred\x9bm", "red"),
        ("a\x1b[?1049hb\x1b[>4;2mc\x1b[!pd\x1b[2 qe", "abcde"),
        ("a\x1b[2Jb\x1b[10;10Hc\x1b[1;1~d\x1b[200~e", "abcde"),
        ("a\x1b]0;title\x07b\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\c", "ablinkc"),
        ("a\x9d0;title\x9cb\x9d0;title\x07c\x9d0;title\x1b\\d", "abcd"),
        ("a\x1bPq#0~~\x1b\\b\x90q\x9cc\x1b_Gi=1\x1b\\d\x1b^pm\x1b\\e\x1bXsos\x1b\\f", "abcdef"),
        ("a\x1b(Bb\x1b)0c\x1b#8d\x1b%Ge\x1b $Bf", "abcdef"),
        ("a\x1bcb\x1b7c\x1b8d\x1bMe\x1b=f\x1b>g\x1b\\h", "abcdefgh"),
        ("a\x1b\x1b[31mb\x1b\x1b\x1bcd", "abd"),
        ("a\x1bé", "aé"),
        ("ends with \x1b", "ends with "),
        ("ends with \x1b[31", "ends with "),
        ("ends with \x1b(", "ends with "),
        ("ends with \x9b", "ends with "),
        ("a\x1b[31\x1b[32mb", "ab"),
        ("a\x1b[31éb", "aéb"),
        ("a\x1b]0;title\x1b[31mb", "ab"),
        ("a\x1b]52;c;never ends", "a"),
        ("a\x1bPnever ends", "a"),
        ("\x93quoted\x94 in Windows-1252, by a \x9d\x90\x9f too", "quoted in Windows-1252, by a  too"),
        ("\x9e never ends", " never ends"),
        ("\x9da\x9db\x07c", "ac"),
    ],
)
def test_escape_sequences_go_whole(text, cleaned):
    assert clean(text) == cleaned


csi = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["\x1b[", "\x9b"]),
    st.text(st.characters(min_codepoint=0x30, max_codepoint=0x3F)),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2F), max_size=3),
    st.characters(min_codepoint=0x40, max_codepoint=0x7E),
)
strings = st.builds(
    "{}{}{}".format,
    st.sampled_from(OPENS_7 + OPENS_8),
    st.text(st.characters(exclude_categories=["Cc"])),
    st.sampled_from(STRING_ENDS),
)
intermediates = st.text(st.sampled_from(" !#$%()*+-./"), max_size=3)
escapes = st.builds("\x1b{}{}".format, intermediates, st.sampled_from("0BcGZ78=>~"))


@given(st.lists(plain), csi | strings | escapes)
@settings(max_examples=400, deadline=None)
def test_a_whole_sequence_leaves_nothing_and_takes_nothing_with_it(texts, sequence):
    assert clean(sequence + sequence.join(texts) + sequence) == "".join(texts)


@given(plain, st.sampled_from(OPENS_7), st.text(st.characters(exclude_characters="\x07\x1b\x9c")))
@brief
def test_a_string_that_nothing_ends_takes_the_rest_of_the_line(text, opening, rest):
    assert clean(text + opening + rest) == text


@given(plain, st.sampled_from(OPENS_8), plain)
@brief
def test_a_string_in_8_bits_that_nothing_ends_was_a_letter_in_windows_1252(text, opening, rest):
    assert clean(text + opening + rest) == text + rest


@pytest.mark.parametrize("mark", ["\u0301", "\u0489", "\u20dd", "\ufe0f", "\U000e0100", "\u0e49"])
def test_of_a_stack_of_marks_the_first_few_stay(mark):
    few = mark * MARKS_IN_A_ROW
    assert clean("a" + few) == "a" + few
    assert clean("a" + mark * 50 + "b" + mark * 5 + "c") == "a" + few + "b" + few + "c"
    assert clean(mark * 50) == few


@pytest.mark.parametrize("removed", ["\0", "\x1b[m", "\x9b0m", "\x1b]0;x\x07", "\x85", *"\u202e\u2028\ud800\U000e0041"])
def test_what_is_removed_between_marks_does_not_let_a_stack_grow(removed):
    assert clean("a" + (removed + "\u0301") * 50) == "a" + "\u0301" * MARKS_IN_A_ROW


@pytest.mark.parametrize("joiner", ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200f"])
def test_joiners_between_marks_do_not_let_a_stack_grow(joiner):
    cleaned = clean("a" + ("\u0301" + joiner) * 50 + "b\u0301")
    assert cleaned.replace(joiner, "") == "a" + "\u0301" * MARKS_IN_A_ROW + "b\u0301"


# What stays.


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧‍👦 🏳️‍🌈 ❤️‍🔥 🧑🏽‍🚀",  # joined by ZWJ
        "❤️ ☺︎ ✔️",  # variation selectors
        "👍🏻👍🏼👍🏽👍🏾👍🏿",
        "1️⃣2️⃣#️⃣*️⃣",  # keycaps
        "🇭🇺🇨🇿🇻🇳",
        "Tiếng Việt: ặ ẫ ự ở",
        "Tie\u0302\u0301ng Vie\u0323\u0302t: a\u0323\u0306 a\u0302\u0303",  # decomposed
        "שָׁלוֹם עֲלֵיכֶם",
        "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",  # vowels and accents on one letter
        "नमस्ते, क्षत्रिय, र्‍य क्‌ष",  # with ZWJ and ZWNJ
        "สวัสดีครับ น้ำ ที่นี่",
        "السَّلَامُ عَلَيْكُمْ",
        "می‌خواهم",  # with ZWNJ
        "လျှို့ဝှက်",  # four marks in a row
        "བསྒྲུབས་",
        "한국어 ᄒᆞᆫ글",
        "日本語、か゚ が",
        "i̇̀ ǭ̣ naïve façade",
        "a\u00a0b\u3000c\u2009d",  # spaces of other widths
        "a\u200eb\u200fc\u061cd",  # the marks (not overrides) that text in two directions needs
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ﷽ ½ ™",
        "",
        " ",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert clean(text) == text


# What holds for any text at all.


@given(printable_ascii)
@brief
def test_printable_ascii_is_left_alone_also_beside_what_is_not_ascii(text):
    assert clean(text) == text
    assert clean("é" + text + "\0") == "é" + text


@given(texts)
@example("a\u0301\u0301\u0301\u0301\x00\u0301")
@example("\ud83d\ude00")
@settings(max_examples=600, deadline=None)
def test_what_comes_out_is_clean_and_stays_as_it_is(text):
    cleaned = clean(text)
    assert not any(map(is_forbidden, cleaned))
    assert longest_stack(cleaned) <= MARKS_IN_A_ROW
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert clean(cleaned) == cleaned


@given(texts)
@brief
def test_what_comes_out_is_what_went_in_with_parts_left_out(text):
    rest = iter(text.replace("\t", " "))
    assert all(char in rest for char in clean(text))


# Floods. What is quadratic runs into pytest's time limit.

FLOODS = ["\x9d", "\x90x", "\x1b]", "\x1b]x", "\x1b[", "\x1b[0", "\x1b[ ", "\x9b", "\x1b", "\x1b("]


@pytest.mark.parametrize("start", ["", "\x9d", "\x1b]"])
@pytest.mark.parametrize("pattern", [*FLOODS, "\u0301", "\u0301\u200d", "\ud800", "a", "0", " "])
def test_a_flood_takes_linear_time_and_does_not_come_out(start, pattern):
    cleaned = clean(start + pattern * (400_000 // len(pattern)) + "\n!")
    assert not any(map(is_forbidden, set(cleaned)))
