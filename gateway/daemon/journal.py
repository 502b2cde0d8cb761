"""What the daemon says of itself: JSON lines, without personal data, and never in its way.

Lines are written by a thread of their own. A reader that does not read, or is gone, costs lines, not work: what was
lost is counted, and told when somebody reads again. What libraries and the interpreter would print is reduced to who,
how bad and where: their own words could hold paths, statements and values.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections import deque
from types import TracebackType

import structlog

MOST = 10_000
"""Lines that wait for a slow reader; what comes then is lost."""
_ENDING_SECONDS = 2.0


class Journal:
    """A file for `structlog.WriteLogger`, in front of a descriptor. `write` never waits and never raises."""

    def __init__(self, descriptor: int, most: int = MOST) -> None:
        self._descriptor, self._most = descriptor, most
        self._lines: deque[str] = deque()
        self._changed = threading.Condition()
        self._writing, self._ended, self._torn, self.lost = False, False, False, 0
        self._thread = threading.Thread(target=self._serve, name="journal", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Take a line."""
        with self._changed:
            if self._ended or len(self._lines) >= self._most:
                self.lost += 1
            else:
                self._lines.append(text)
                self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Nothing: the thread writes as soon as it can."""

    def close(self, seconds: float = _ENDING_SECONDS) -> None:
        """Wait for what is still to be written, but not for ever."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._writing, seconds)
            self._ended = True
            self._changed.notify_all()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._lines) or self._ended)
                if not self._lines:
                    return
                line, lost = self._lines.popleft(), self.lost
                self._writing = True
            written = self._written(_lost(lost) + line if lost else line)
            with self._changed:
                self._writing = False
                self.lost = self.lost - lost if written else self.lost + 1
                self._changed.notify_all()

    def _written(self, text: str) -> bool:
        """A line that was cut off (its disk was full) ends before the next one begins."""
        rest = ("\n" * self._torn + text).encode("utf-8", "backslashreplace")
        whole = len(rest)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            self._torn = self._torn or len(rest) < whole
            return False
        self._torn = False
        return True


def _lost(lines: int) -> str:
    return f'{{"event": "journal_lost", "lines": {lines}, "level": "warning"}}\n'


def configure(level: str) -> Journal:
    """JSON lines on stderr, from `level` up, for this process and everything that runs in it."""
    chosen = getattr(logging, level.upper(), logging.INFO)
    journal = Journal(sys.stderr.fileno())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(chosen),
        logger_factory=structlog.WriteLoggerFactory(file=journal),  # type: ignore[arg-type]
    )
    logging.basicConfig(handlers=[_Reduced()], level=logging.WARNING, force=True)
    # It would bring a handler of its own, which prints statements and values, unless it has one.
    logging.getLogger("dbos").addHandler(logging.NullHandler())
    logging.captureWarnings(capture=True)
    warnings.simplefilter("ignore", ResourceWarning)
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)
    threading.excepthook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)
    return journal


class _Reduced(logging.Handler):
    """A library's record becomes: who, how bad, where. Its message is dropped, since it could hold anything."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the reduced record to the journal."""
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        structlog.get_logger("library").warning(
            "library",
            logger=record.name,
            severity=record.levelname.lower(),
            at=f"{record.module}:{record.lineno}",
            error=error,
        )


def _uncaught(kind: type[BaseException] | None, _error: BaseException | None, trace: TracebackType | None) -> None:
    """Nobody caught it: its class and where it was raised."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    at = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
    structlog.get_logger("gateway").error("uncaught", error=kind.__name__ if kind else "", at=at)
