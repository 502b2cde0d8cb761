"""The daemon: `process` starts and stops it, `sweeping` wakes what waits, `service` answers on the control socket."""

from gateway.daemon.process import AlreadyRunning, Daemon

__all__ = ["AlreadyRunning", "Daemon"]
