"""What many tests share: partners with real keys, a node made once and copied, one worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

pytest.register_assert_rewrite("support")

from support.databases import postgres  # noqa: E402
from support.nodes import Node, copy_node, make_node  # noqa: E402
from support.quarters import played  # noqa: E402

from gateway.adapters.worker import Worker  # noqa: E402
from gateway.demo.partners import Partners  # noqa: E402
from gateway.demo.regions import provinces  # noqa: E402
from gateway.policy.facts import Limits  # noqa: E402

__all__ = ["played", "postgres"]

WITH_THE_PLAYED_QUARTER = (
    "test_kill.py",
    "test_played_log.py",
    "test_privacy.py",
    "test_quarter.py",
    "test_replay.py",
    "test_share_away.py",
)
THE_PLAYED_QUARTER = "the played quarter"
LONGEST = (
    THE_PLAYED_QUARTER,
    "test_ten_nodes.py",
    "test_played_quarter.py",
    "test_restore.py",
    "test_year.py",
    "test_ledger_away.py",
)


class Together(LoadFileScheduling):
    """Each file in one process, as its module's fixtures want it; those that look at the played quarter in one, which
    plays it once. A file that is not named here plays it again, and that is all the harm."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return THE_PLAYED_QUARTER if file.endswith(WITH_THE_PLAYED_QUARTER) else file

    def _assign_work_unit(self, node: object) -> None:
        """The longest first, so that no process waits for another at the end; by itself it begins with the files of
        many tests."""
        for scope in [scope for scope in self.workqueue if scope.endswith(LONGEST)]:
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """See `make test`, which runs several processes."""
    return Together(config, log)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def partners() -> Iterator[Partners]:
    """The 32 receiving provinces."""
    with Partners([province.code for province in provinces()]) as made:
        yield made


@pytest.fixture(scope="session")
def template(partners: Partners, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that was never started; copy it."""
    home = tmp_path_factory.mktemp("template") / "node"
    make_node(home, partners)
    return home


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One worker process for every node of this process."""
    made = Worker(tmp_path_factory.mktemp("worker") / "worker.sock", Limits(), 4096)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    """The folder of a fresh node; change its facts before asking for `node`."""
    copy_node(template, tmp_path / "node")
    return tmp_path / "node"


@pytest.fixture
def node(home: Path, partners: Partners, worker: Worker) -> Iterator[Node]:
    """A fresh node in this process."""
    made = Node(home, partners, worker)
    yield made
    made.close()
