"""Settings come from the environment and from secret files, and what cannot be used is refused by name."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.domain.errors import BadInput
from scheduler.settings import PREFIX, Settings, load_settings

SECRET = "postgresql+psycopg://ana:secret-of-ana@db/marrowline"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of ours is set, and the secret files are in a folder of the test."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    (tmp_path / "secrets").mkdir()
    monkeypatch.setenv("MARROWLINE_SECRETS_DIR", str(tmp_path / "secrets"))


def test_without_any_setting_there_is_a_file_beside_and_real_time() -> None:
    settings = load_settings()
    assert settings.database_url.get_secret_value() == "sqlite:///marrowline.db"
    assert settings.program_clock is None
    assert (settings.hold_minutes, settings.offer_minutes) == (30, 15)
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)


def test_variables_are_read_whatever_their_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARROWLINE_HOLD_MINUTES", "45")
    monkeypatch.setenv("marrowline_port", "9000")
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK", "2027-01-04T09:00:00+09:00")
    settings = load_settings()
    assert (settings.hold_minutes, settings.port) == (45, 9000)
    assert settings.program_clock == datetime(2027, 1, 4, tzinfo=UTC)  # 09:00 in Seoul is midnight UTC


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK", "")
    assert load_settings().program_clock is None


def test_a_secret_file_is_read_without_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "secrets" / "marrowline_database_url").write_text(SECRET + "\n")
    (tmp_path / "secrets" / "somebody_elses").write_text("left alone")
    assert load_settings().database_url.get_secret_value() == SECRET


def test_a_password_shows_in_no_representation() -> None:
    settings = Settings(database_url=SECRET)
    assert "secret-of-ana" not in f"{settings!r} {settings} {settings.model_dump()}"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MARROWLINE_HOLD_MINUTE", "45", "MARROWLINE_HOLD_MINUTE: is not a setting. Remove it or write one of"),
        (
            "MARROWLINE_PROGRAM_CLOCK",
            "2027-01-04T09:00:00",
            "CLOCK: .*timezone.* Write an instant with its UTC",
        ),
        ("MARROWLINE_PROGRAM_CLOCK", "now", "MARROWLINE_PROGRAM_CLOCK"),
        ("MARROWLINE_HOLD_MINUTES", "0", "MARROWLINE_HOLD_MINUTES: .*greater than or equal to 1"),
        ("MARROWLINE_PORT", "99999", "MARROWLINE_PORT"),
        ("MARROWLINE_LOG_LEVEL", "loud", "MARROWLINE_LOG_LEVEL"),
        ("MARROWLINE_METRICS", "perhaps", "MARROWLINE_METRICS"),
        ("MARROWLINE_SECRETS_DIR", "nowhere", "MARROWLINE_SECRETS_DIR: is not a directory"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=said) as refused:
        load_settings()
    assert refused.value.__cause__ is None
    assert value not in refused.value.problem


def test_a_setting_in_both_places_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secrets" / "marrowline_database_url").write_text(SECRET)
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", "sqlite:///other.db")
    with pytest.raises(BadInput, match="MARROWLINE_DATABASE_URL: is set and also a file"):
        load_settings()


def test_a_secret_file_nobody_asked_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secrets" / "marrowline_database").write_text(SECRET)
    with pytest.raises(BadInput, match="marrowline_database: is not a setting") as refused:
        load_settings()
    assert "secret-of-ana" not in str(refused.value)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_elsewhere(path: Path) -> None:
    other = path.parent.parent / "elsewhere"
    other.write_text(SECRET)
    path.symlink_to(other)


def no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize("made", [a_folder, a_link_to_elsewhere, no_text])
def test_a_secret_file_that_cannot_be_read_is_refused(tmp_path: Path, made: object) -> None:
    assert callable(made)
    made(tmp_path / "secrets" / "marrowline_database_url")
    with pytest.raises(BadInput, match="secret file: cannot be read"):
        load_settings()
