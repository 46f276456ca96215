"""The page of the campaigns: a section replaces its own and leaves the others."""

from scheduler.reliability.page import INTRODUCTION, Section, with_section

ORDER = ["race", "kill"]


def test_a_section_is_put_in_its_place_and_replaces_only_its_own() -> None:
    page = with_section("", Section("kill", "## Kill\n\nnone lost\n"), ORDER, "two cores")
    page = with_section(page, Section("race", "## Race\n\nfirst\n"), ORDER, "two cores")
    page = with_section(page, Section("race", "## Race\n\nsecond\n"), ORDER, "four cores")
    assert page.startswith(INTRODUCTION)
    assert "first" not in page
    assert page.index("second") < page.index("Machine: four cores.") < page.index("none lost")
    assert page.count("<!-- race -->") == page.count("<!-- kill -->") == 1


def test_writing_the_same_section_again_changes_nothing() -> None:
    section = Section("race", "## Race\n\nonce\n")
    page = with_section("", section, ORDER, "two cores")
    assert with_section(page, section, ORDER, "two cores") == page
