"""The story on one page: what happens to a file, and to a batch.

Two durable workflows, and two short ones: a receiver's signature closes a batch of ours, and we sign for a batch of
another gateway's. Steps return outcomes as JSON;
only ids and codes cross them. `Deferred` ends a workflow: the ledger knows when to try again, the daemon's sweep
enqueues `<parcel>#<n>`. Nothing here sleeps or waits for people.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID, error

from gateway.corridors.between.countersigning import Countersigning
from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.corridors.submission import STAGES
from gateway.corridors.telling.posting import Posting
from gateway.instants import backoff
from gateway.node import Node
from gateway.step import FIRST_WAIT, OK, Step, StepResult

# Bump only with a migration: parcels in work are resumed by the version of the flow they began under.
VERSION = "1"
SUBMISSIONS, RELEASES, DELIVERIES = "submissions", "releases", "deliveries"

_ALIVE = ("PENDING", "ENQUEUED", "DELAYED")


class _Bound:
    """The steps of the running node; bound before the launch that resumes workflows."""

    stages: dict[str, Step[Any, Any]]
    releasing: Releasing
    delivery: Delivery
    acknowledging: Acknowledging
    countersigning: Countersigning
    posting: Posting
    at_work: ClassVar[set[str]] = set()
    idle: ClassVar[set[str]] = set()


def bind(node: Node) -> None:
    """Let the workflows run on this node."""
    _Bound.stages = {stage.name: stage(node) for stage in STAGES}
    _Bound.releasing, _Bound.delivery = Releasing(node), Delivery(node)
    _Bound.acknowledging, _Bound.countersigning = Acknowledging(node), Countersigning(node)
    _Bound.posting = Posting(node)


def open_queues(submissions: int, deliveries: int, polling_seconds: float) -> None:
    """Make the queues known; after launch. Deliveries are partitioned by receiver: a slow partner delays no other."""
    DBOS.register_queue(SUBMISSIONS, worker_concurrency=submissions, polling_interval_sec=polling_seconds)
    DBOS.register_queue(RELEASES, worker_concurrency=1, polling_interval_sec=polling_seconds)
    DBOS.register_queue(
        DELIVERIES,
        worker_concurrency=deliveries,
        partition_worker_concurrency=1,
        polling_interval_sec=polling_seconds,
    )


class Run(Protocol):
    """How a workflow's steps are run: durably, by the engine, or at once."""

    def __call__(self, name: str, step: Callable[..., StepResult], *arguments: str) -> StepResult: ...


def _durably(name: str, step: Callable[..., StepResult], *arguments: str) -> StepResult:
    return DBOS.run_step({"name": name}, step, *arguments)


def at_once(name: str, step: Callable[..., StepResult], *arguments: str) -> StepResult:  # noqa: ARG001
    """Without the engine, in this thread: a workflow that is cut off is begun again."""
    return step(*arguments)


def submit(parcel: str, run: Run = at_once) -> StepResult:
    """A file was dropped: intake → recognising → checking → sorting → sealing, then the receipt."""
    result = OK
    for stage in STAGES:
        result = run(stage.name, _stage, stage.name, parcel)
        if result["outcome"] != "ok":
            break
    if result["outcome"] not in ("deferred", "fault"):
        run("posting", _post, parcel)
    return result


def acknowledge(parcel: str, run: Run = at_once) -> StepResult:
    """A receiver's signature came back."""
    result = run("acknowledging", _acknowledge, parcel)
    if result["outcome"] not in ("deferred", "fault"):
        run("posting", _post, parcel)
    return result


@contextmanager
def _at_work() -> Iterator[None]:
    """This workflow runs in this process, until its function ends."""
    workflow = DBOS.workflow_id or ""
    _Bound.at_work.add(workflow)
    try:
        yield
    finally:
        _Bound.at_work.discard(workflow)


@DBOS.workflow(name="submission", max_recovery_attempts=None)
def submission(parcel: str) -> StepResult:
    """`submit`, durably."""
    with _at_work():
        return submit(parcel, _durably)


@DBOS.workflow(name="acknowledgement", max_recovery_attempts=None)
def acknowledgement(parcel: str) -> StepResult:
    """`acknowledge`, durably."""
    with _at_work():
        return acknowledge(parcel, _durably)


@DBOS.workflow(name="distribution", max_recovery_attempts=None)
def distribution(agreement: str, period: str, batch: int, actor: str) -> StepResult:
    """A release rule let go: every receiver gets its batch, each delivered by itself."""
    with _at_work():
        for identity, receiver in DBOS.run_step({"name": "releasing"}, _release, agreement, period, batch, actor):
            enqueue_delivery(identity, receiver, 1)
        return OK


@DBOS.workflow(name="delivery", max_recovery_attempts=None)
def delivery(identity: str) -> StepResult:
    """One batch into one receiver's channel."""
    with _at_work():
        return DBOS.run_step({"name": "delivery"}, _deliver, identity)


@DBOS.workflow(name="answering", max_recovery_attempts=None)
def answering(incoming: str) -> StepResult:
    """Another gateway's batch was taken in: sign for it, or tell what was refused."""
    with _at_work():
        return DBOS.run_step({"name": "answering"}, _answer, incoming)


def enqueue_parcel(parcel: str, corridor: str, attempt: int, turn: int = 1) -> bool:
    """Start or try again; the same attempt enqueued twice is one workflow. False while another attempt of this parcel
    is at work, or waits in the queue: no two work on one parcel at a time, so nothing is begun. `turn`: its place among
    its sender's, from 1; first turns go before second ones, so that a flood of one delays nobody else."""
    workflow = acknowledgement if corridor == "acknowledgement" else submission
    try:
        with SetWorkflowID(f"{parcel}#{attempt}"), SetEnqueueOptions(deduplication_id=parcel, priority=turn):
            DBOS.enqueue_workflow(SUBMISSIONS, workflow, parcel)
    except error.DBOSQueueDeduplicatedError:
        return False
    return True


def distribution_id(agreement: str, period: str, batch: int) -> str:
    return f"d-{agreement}-{period}-{batch}"


def enqueue_distribution(agreement: str, period: str, batch: int, actor: str, attempt: int = 1) -> None:
    with SetWorkflowID(f"{distribution_id(agreement, period, batch)}#{attempt}"):
        DBOS.enqueue_workflow(RELEASES, distribution, agreement, period, batch, actor)


def enqueue_delivery(identity: str, receiver: str, attempt: int) -> None:
    """Deliveries to one receiver, and answers to one sender, run one after the other: so do two attempts of one."""
    with SetWorkflowID(f"{identity}#{attempt}"), SetEnqueueOptions(queue_partition_key=receiver):
        DBOS.enqueue_workflow(DELIVERIES, delivery, identity)


def enqueue_answer(incoming: str, sender: str, attempt: int) -> None:
    with SetWorkflowID(f"{incoming}#{attempt}"), SetEnqueueOptions(queue_partition_key=sender):
        DBOS.enqueue_workflow(DELIVERIES, answering, incoming)


def alive(workflow: str) -> bool:
    """Whether a workflow is at work, or will be."""
    status = DBOS.get_workflow_status(workflow)
    return status is not None and status.status in _ALIVE


def forsake(executor: str) -> int:
    """Cancel what the engine holds for at work in this process and is not: it could not write down how a workflow
    ended, because its database was full or away. Who makes new attempts then finds none alive. Such a workflow is
    told from one that just begins or ends by being found in two calls one after the other. How many there were."""
    pending = DBOS.list_workflows(status="PENDING", executor_id=executor, load_input=False, load_output=False)
    idle = {status.workflow_id for status in pending} - _Bound.at_work
    forsaken, _Bound.idle = idle & _Bound.idle, idle
    if forsaken:
        DBOS.cancel_workflows(sorted(forsaken))
    return len(forsaken)


def failed_distributions() -> Iterator[tuple[str, str, int, str, int]]:
    """Releases whose last attempt failed, as `enqueue_distribution` takes them, with the attempt to make. A person may
    have asked for one, and nothing but the engine knows of it. Each waits longer than the one before."""
    failed = DBOS.list_workflows(name="distribution", status=["ERROR", "CANCELLED"], load_output=False)
    for status in failed:
        identity, _, number = status.workflow_id.rpartition("#")
        waited = time.time() - (status.updated_at or 0) / 1000
        if not number.isdecimal() or waited < backoff(int(number), FIRST_WAIT) or status.input is None:
            continue
        if DBOS.get_workflow_status(f"{identity}#{int(number) + 1}") is None:
            agreement, period, batch, actor = status.input["args"]
            yield agreement, period, batch, actor, int(number) + 1


def next_attempt(identity: str) -> int | None:
    """The attempt to make after those that ended without the ledger knowing; None while none was made, or one is at
    work."""
    attempt = 1
    while (status := DBOS.get_workflow_status(f"{identity}#{attempt}")) is not None:
        if status.status in _ALIVE:
            return None
        attempt += 1
    return attempt if attempt > 1 else None


def _stage(stage: str, parcel: str) -> StepResult:
    return _Bound.stages[stage].run(parcel)


def _post(parcel: str) -> StepResult:
    return _Bound.posting.run(parcel)


def _release(agreement: str, period: str, batch: int, actor: str) -> list[tuple[str, str]]:
    return _Bound.releasing.release(agreement, period, batch, actor)


def _deliver(identity: str) -> StepResult:
    return _Bound.delivery.run(identity)


def _acknowledge(parcel: str) -> StepResult:
    return _Bound.acknowledging.run(parcel)


def _answer(incoming: str) -> StepResult:
    return _Bound.countersigning.run(incoming)
