"""`marrowline logger`: a verdict on a file, told in words and as an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.cli import main

COLD = "".join(f"2027-02-17T00:{minute:02}:00Z,5.0\n" for minute in range(0, 60, 5))
STRETCH = ["--packed", "2027-02-17T09:00:00+09:00", "--received", "2027-02-17T09:55:00+09:00"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["logger", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def written(folder: Path, text: str) -> str:
    file = folder / "readings.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_in_range_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(written(tmp_path, "at,celsius\n" + COLD), *STRETCH) == 0
    assert capsys.readouterr().out.startswith("in-range: Always 2 to 8 °C.")


def test_what_goes_to_the_plant_is_judged_by_the_limits_of_its_transit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warm = written(tmp_path, "at,celsius\n" + COLD.replace("5.0", "20.0"))
    assert run(warm, *STRETCH) == 1
    assert run(warm, *STRETCH, "--transit", "marrow_transit") == 0
    assert "in-range: Always 2 to 25 °C." in capsys.readouterr().out


def test_what_is_not_certain_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(written(tmp_path, "at,celsius\n" + COLD[:100]), *STRETCH) == 1
    assert capsys.readouterr().out.startswith("missing: The readings stop before the unit was received.")


@pytest.mark.parametrize(
    ("text", "options", "word"),
    [
        ("at,temp\n", STRETCH, "line 1"),
        ("at,celsius\n", ["--packed", "2027-02-17T09:00", *STRETCH[2:]], "no UTC offset"),
        ("at,celsius\n", [*STRETCH, "--transit", "harvest"], "marrow_transit, csf_transit, transit"),
        ("at,celsius\n", ["--packed", "soon", *STRETCH[2:]], "is no time"),
        ("at,celsius\n", [*STRETCH[:3], "2027-02-16T09:00Z"], "--received"),
    ],
)
def test_bad_input_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, options: list[str], word: str
) -> None:
    assert run(written(tmp_path, text), *options) == 2
    assert word in capsys.readouterr().err
