"""The daemon: `process` starts and stops it, `sweeping` wakes what waits, `service` answers on the control socket."""

from gateway.daemon.process import AlreadyRunning, Daemon
from gateway.daemon.publication import NotToBeSigned

__all__ = ["AlreadyRunning", "Daemon", "NotToBeSigned"]
