"""What a deployment sets: environment variables ``MARROWLINE_*`` and secret files, refused loudly when unusable."""

from __future__ import annotations

import os
import warnings
from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from scheduler.domain.errors import BadInput

PREFIX = "MARROWLINE_"
SECRETS_VARIABLE = f"{PREFIX}SECRETS_DIR"
USUAL_SECRETS = Path("/run/secrets")

Minutes = Annotated[int, Field(ge=1, le=1440)]


def _local(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("write the program's local time without a UTC offset, such as 02:30")
    return at


class Settings(BaseSettings):
    """The settings of one deployment; made by `load_settings`, or by name in a test.

    Attributes
    ----------
    database_url
        Where the database is. It may hold a password, so it shows neither in a representation nor in a log.
    program_clock
        What the program clock shows at the start; None for real time.
    program_clock_since
        The real instant at which the program clock showed `program_clock`; None for the start of the process.
    hold_minutes, offer_minutes
        How long a hold keeps an offer, and how long an offer holds true.
    body_limit_bytes
        Requests with a longer body are refused.
    failed_keys, failed_keys_seconds
        After so many refused keys from one address within so many seconds, that address waits.
    shutdown_seconds
        How long requests under way may take to finish once the service is told to stop.
    nightly_at
        When a night begins, by the clocks of the program's first plant.
    worker_port
        Where a worker shows its figures; None for nowhere.
    webhooks_allow_private
        Whether messages may be sent into private networks and without TLS, such as to a computer beside this one.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr = SecretStr("sqlite:///marrowline.db")
    program_clock: AwareDatetime | None = None
    program_clock_since: AwareDatetime | None = None
    hold_minutes: Minutes = 30
    offer_minutes: Minutes = 15
    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    port: int = Field(default=8000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    body_limit_bytes: int = Field(default=1_000_000, ge=1_000, le=100_000_000)
    metrics: bool = True
    failed_keys: int = Field(default=20, ge=1, le=10_000)
    failed_keys_seconds: int = Field(default=300, ge=1, le=86_400)
    shutdown_seconds: int = Field(default=20, ge=1, le=600)
    nightly_at: Annotated[time, AfterValidator(_local)] = time(2, 30)
    worker_port: int | None = Field(default=None, ge=1, le=65535)
    webhooks_allow_private: bool = False


def load_settings() -> Settings:
    """The settings of this process.

    Variables are read from the environment; files named like a variable in lower case, such as
    ``marrowline_database_url``, from the directory ``MARROWLINE_SECRETS_DIR``, by default ``/run/secrets``. An empty
    variable counts as not set. Where both exist the variable is refused, because nobody could tell which is meant.

    Raises
    ------
    BadInput
        An unknown variable or file, one that cannot be read, or a value that cannot be used. Values are never shown.
    """
    directory = _secrets_directory()
    files = _secret_files(directory)
    _refuse_strangers(files, directory)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return Settings(_secrets_dir=directory, _env_ignore_empty=True)  # type: ignore[call-arg]
    except ValidationError as error:
        raise _unusable(error) from None
    except (SettingsError, OSError, UnicodeDecodeError, UserWarning) as error:
        raise BadInput(
            str(directory or "environment"),
            "secret file",
            f"cannot be read ({type(error).__name__})",
            "Make every file there a text file that this user may read, without links that lead elsewhere",
        ) from None


def _secrets_directory() -> Path | None:
    named = os.environ.get(SECRETS_VARIABLE)
    if not named:
        return USUAL_SECRETS if USUAL_SECRETS.is_dir() else None
    if not Path(named).is_dir():
        raise BadInput("environment", SECRETS_VARIABLE, "is not a directory", "Name the directory of the secret files")
    return Path(named)


def _secret_files(directory: Path | None) -> list[str]:
    if directory is None:
        return []
    try:
        return sorted(path.name for path in directory.iterdir() if path.name.lower().startswith(PREFIX.lower()))
    except OSError as error:
        raise BadInput(
            "environment", SECRETS_VARIABLE, f"cannot be read ({error.strerror})", "Let this user read the directory"
        ) from None


def _refuse_strangers(files: list[str], directory: Path | None) -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    listed = ", ".join(sorted(known | {SECRETS_VARIABLE}))
    variables = [name for name in os.environ if name.upper().startswith(PREFIX)]
    for name in variables:
        if name.upper() not in known | {SECRETS_VARIABLE}:
            raise BadInput("environment", name, "is not a setting", f"Remove it or write one of {listed}")
    for name in files:
        if name.upper() not in known:
            raise BadInput(str(directory), name, "is not a setting", f"Remove it or write one of {listed}")
        if any(variable.upper() == name.upper() and os.environ[variable] for variable in variables):
            raise BadInput("environment", name.upper(), f"is set and also a file in {directory}", "Keep one of the two")


def _unusable(error: ValidationError) -> BadInput:
    """The first flaw, without the value: it may be a password."""
    flaw = error.errors(include_input=False, include_url=False)[0]
    name = str(flaw["loc"][0]) if flaw["loc"] else "setting"
    remedy = "Correct it"
    if name.startswith("program_clock"):
        remedy = "Write an instant with its UTC offset, such as 2027-01-04T09:00:00+09:00, or nothing for real time"
    return BadInput("environment or secret file", f"{PREFIX}{name.upper()}", flaw["msg"], remedy)
