"""A demo that is ended in the middle: its node ends with it, and one that could not is named with what ends it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.adapters.storage import nodelock

PATIENCE = 90.0


def until(done: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.1)


class Demo:
    """`gateway demo DIR`, and how it is ended."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self._command = [sys.executable, "-m", "gateway", "demo", str(folder), "--scale", "0.01"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A test that runs in the background of a shell has SIGINT ignored, and hands that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        until(lambda: nodelock.holder(self.state))

    def end(self, how: signal.Signals) -> int:
        """Its exit code."""
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(PATIENCE)

    def again(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command, capture_output=True, text=True, timeout=PATIENCE)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if running := nodelock.holder(self.state):
            os.kill(int(running), signal.SIGKILL)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with ExitStack() as stack:
        made = Demo(tmp_path / "demo")
        stack.callback(made.close)
        yield made


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_node_ends_with_its_demo(demo: Demo, how: signal.Signals) -> None:
    demo.start()
    assert demo.end(how) != 0
    assert nodelock.holder(demo.state) == ""


def test_a_node_that_still_runs_is_named_and_the_remedy_ends_it(demo: Demo) -> None:
    demo.start()
    demo.end(signal.SIGKILL)
    refused = demo.again()
    assert refused.returncode == 2
    remedies = re.findall(r"\bkill \d+", refused.stdout + refused.stderr)
    assert len(remedies) == 2  # in Chinese and in English
    subprocess.run(remedies[0], shell=True, check=True)
    until(lambda: not nodelock.holder(demo.state))
    demo.start()
    demo.end(signal.SIGTERM)
