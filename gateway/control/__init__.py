"""The local API: HTTP with JSON on a Unix socket. The kernel says who asks (the peer's uid), and that is logged."""
