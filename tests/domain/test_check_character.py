"""Check characters: the published examples, and every single slip of a hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.check_character import ALPHABET, check_character, is_sound, with_check

LETTERS = ALPHABET[:36]
TEXTS = st.text(LETTERS, min_size=1, max_size=14)


@pytest.mark.parametrize(
    ("text", "character"),
    [
        # G123 498 654 321: weights 2^13 to 2^1 give 148,354 = 21 modulo 37, and 38 - 21 = 17 is H. Source: Guidelines
        # for the Blood Transfusion Services in the UK, Annex 2 (ISBT 128 check character calculation).
        ("G123498654321", "H"),
        # 1 x 2 = 2, 38 - 2 = 36: the last character of the alphabet.
        ("1", "*"),
        # 0 gives 38 modulo 37 = 1.
        ("0", "1"),
        # Z is 35: 70 modulo 37 = 33, 38 - 33 = 5.
        ("Z", "5"),
    ],
)
def test_published_and_counted_examples(text: str, character: str) -> None:
    assert check_character(text) == character
    assert with_check(text) == text + character
    assert is_sound(text + character)


@given(TEXTS)
def test_the_sum_of_all_weighted_characters_is_one_modulo_37(text: str) -> None:
    # The definition in ISO 7064: the character i places before the last weighs 2^i, the last itself 1.
    whole = with_check(text)
    assert sum(ALPHABET.index(one) * 2**i for i, one in enumerate(reversed(whole))) % 37 == 1


@given(TEXTS, st.data())
def test_one_wrong_character_is_noticed(text: str, data: st.DataObject) -> None:
    whole = with_check(text)
    at = data.draw(st.integers(0, len(whole) - 1))
    wrong = data.draw(st.sampled_from(ALPHABET if at == len(whole) - 1 else LETTERS))
    assert is_sound(whole[:at] + wrong + whole[at + 1 :]) == (wrong == whole[at])


@given(TEXTS, st.data())
def test_two_exchanged_neighbours_are_noticed(text: str, data: st.DataObject) -> None:
    whole = with_check(text)
    at = data.draw(st.integers(0, len(whole) - 2))
    exchanged = whole[:at] + whole[at + 1] + whole[at] + whole[at + 2 :]
    assert is_sound(exchanged) == (exchanged == whole)


def test_hyphens_do_not_count() -> None:
    assert check_character("X-C-12AB") == check_character("XC12AB")
    assert is_sound(with_check("X-C12AB"))


@pytest.mark.parametrize("text", ["g123", "É12", "12 3", "12*3", "１２"])
def test_other_characters_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no digit or capital letter"):
        check_character(text)
    assert not is_sound(text + "1")


@pytest.mark.parametrize("text", ["", "1", "*"])
def test_a_check_character_of_nothing_is_not_sound(text: str) -> None:
    assert not is_sound(text)
