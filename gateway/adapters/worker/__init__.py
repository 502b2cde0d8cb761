"""The worker: untrusted files are parsed in another process, without keys, without network, with limits."""

from gateway.adapters.worker.client import Worker
from gateway.adapters.worker.unit import WorkerUnit

__all__ = ["Worker", "WorkerUnit"]
