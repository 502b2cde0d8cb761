"""The worker: untrusted files are parsed in another process, without keys, without network, with limits."""

from gateway.adapters.worker.client import Worker

__all__ = ["Worker"]
