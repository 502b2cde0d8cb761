"""SFTP out: packages are pushed to a party's endpoint. `session` holds one pinned, watched connection; `courier` puts
files; `remote` reads and measures what lies there."""

from gateway.adapters.sftp.courier import SftpCourier
from gateway.adapters.sftp.session import Endpoint

__all__ = ["Endpoint", "SftpCourier"]
