"""The local API: HTTP with JSON on a Unix socket. Who asks is told by the kernel (the peer's uid), and logged."""
