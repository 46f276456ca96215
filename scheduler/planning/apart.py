"""Work in a process of its own, which can be ended at any moment: a long search must not outlive whoever wants it.

The child is a fresh interpreter that reads one pickled call from its input and writes one pickled answer to its
output. Nothing else passes between the two, so a child that is killed leaves nothing behind but the missing answer.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import IO, Any, TypeVar

from scheduler.domain.errors import MarrowlineError

Answer = TypeVar("Answer")

LOOK_EVERY_SECONDS = 0.05
LAST_LINES = 3  # of what a child that stumbled has said


class NoAnswer(MarrowlineError):
    """The process of a search ended, or was ended, without an answer; nothing was changed. `why` says how."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The search {why}.")
        self.why = why


class TookTooLong(NoAnswer):
    """The process of a search took longer than it may and was ended."""

    def __init__(self) -> None:
        super().__init__("took longer than it may and was ended")


def nobody_minds() -> None:
    """What `apart` asks while it waits, where nobody wants to stop it."""


def apart(
    call: Callable[..., Answer], *arguments: object, seconds: float, may_go_on: Callable[[], None] = nobody_minds
) -> Answer:
    """What a call answers, made in a process of its own.

    Parameters
    ----------
    call
        A function of a module; it, its arguments and its answer are pickled.
    seconds
        How long the process may take, its start included; then it is killed.
    may_go_on
        Asked again and again meanwhile; when it raises, the process is killed and the exception goes on.

    Raises
    ------
    TookTooLong
        When the process took too long.
    NoAnswer
        When it was killed by somebody else, or stumbled.
    """
    with tempfile.TemporaryFile() as question, tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as said:
        pickle.dump((call, arguments), question)
        question.seek(0)
        child = subprocess.Popen([sys.executable, "-m", __name__], stdin=question, stdout=answer, stderr=said)
        try:
            _wait(child, time.monotonic() + seconds, may_go_on)
        finally:
            child.kill()
            child.wait()
        if child.returncode != 0:
            raise NoAnswer(_how_it_ended(child.returncode, said))
        answer.seek(0)
        found: Answer = pickle.load(answer)
        return found


def _wait(child: subprocess.Popen[bytes], until: float, may_go_on: Callable[[], None]) -> None:
    while True:
        try:
            child.wait(LOOK_EVERY_SECONDS)
            return
        except subprocess.TimeoutExpired:
            may_go_on()
            if time.monotonic() > until:
                raise TookTooLong from None


def _how_it_ended(code: int, said: IO[bytes]) -> str:
    if code < 0:
        return f"was ended by signal {-code}"
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return f"stumbled: {' / '.join(lines[-LAST_LINES:])}"


def _child() -> None:
    """Answer the one call that is asked; whatever the call prints must not get among the answer's bytes."""
    out = sys.stdout.buffer
    sys.stdout = sys.stderr
    call, arguments = pickle.load(sys.stdin.buffer)
    found: Any = call(*arguments)
    pickle.dump(found, out)
    out.flush()


if __name__ == "__main__":
    _child()
