"""Work handed to threads, or done at once where there is but one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


class Done:
    """What a `Future` is when all is done."""

    def result(self) -> None:
        pass


class _AtOnce:
    """What one thread does by itself it does when it is asked to: nothing waits, and the data is still near."""

    def __enter__(self) -> _AtOnce:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., None], *given: Any) -> Done:
        work(*given)
        return Done()


def threads(count: int) -> ThreadPoolExecutor | _AtOnce:
    """So many threads; for one, this one."""
    if count == 1:
        return _AtOnce()
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(count)
