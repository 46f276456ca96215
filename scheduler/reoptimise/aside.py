"""Computing aside: in a process of its own, which is killed when the time is up, so that nobody waits for it."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Failed:
    """What went wrong over there, as text: not every exception travels."""

    trace: str


def computed_aside(seconds: float, function: Callable[..., Iterator[T]], *arguments: object) -> list[T]:
    """What a generator yields in another process within some seconds of real time; the process is gone afterwards.

    Function, arguments and results must pickle. The answer is as long as the time allowed: its reader counts.

    Raises
    ------
    RuntimeError
        When the function failed; its traceback is the message.
    """
    until = time.monotonic() + seconds
    context = multiprocessing.get_context("spawn")
    results, out = context.Pipe(duplex=False)
    process = context.Process(target=_compute, args=(out, function, arguments), daemon=True)
    process.start()
    out.close()
    try:
        return list(_received(results, until))
    finally:
        process.kill()
        process.join()
        results.close()


def _received(results: Connection, until: float) -> Iterator[T]:
    while results.poll(max(until - time.monotonic(), 0.0)):
        try:
            one = results.recv()
        except EOFError:
            return
        if isinstance(one, _Failed):
            raise RuntimeError(one.trace)
        yield one


def _compute(out: Connection, function: Callable[..., Iterator[object]], arguments: tuple[object, ...]) -> None:
    try:
        for one in function(*arguments):
            out.send(one)
    except Exception:
        out.send(_Failed(traceback.format_exc()))
    finally:
        out.close()
