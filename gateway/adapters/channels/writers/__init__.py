"""Who still writes a file: asked of the kernel, which knows, instead of guessed from how long it stood still.

`leases` asks; `unit` asks for a daemon that may not; `asking` chooses between them.
"""

from gateway.adapters.channels.writers.asking import Writers
from gateway.adapters.channels.writers.leases import Writing

__all__ = ["Writers", "Writing"]
