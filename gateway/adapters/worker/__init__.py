"""The worker: untrusted files are parsed in another process, without keys, without network, with limits."""

from gateway.adapters.worker.aside import Aside
from gateway.adapters.worker.asking import Accept, Unpacker
from gateway.adapters.worker.client import Worker
from gateway.adapters.worker.unit import WorkerUnit

__all__ = ["Accept", "Aside", "Unpacker", "Worker", "WorkerUnit"]
