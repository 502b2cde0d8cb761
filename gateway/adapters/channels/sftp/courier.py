"""Delivers to a party's SFTP server. One connection serves all files of a call; `putting` has each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import paramiko

from gateway.adapters.channels.sftp import offered, remote
from gateway.adapters.channels.sftp.putting import Put, Stop, later
from gateway.adapters.channels.sftp.session import Endpoint, NoSession, session
from gateway.outcomes import Fault, Ok, Outcome
from gateway.parcels import PartyId


class SftpCourier:
    """`ports.Courier` for parties that run an SFTP server."""

    def __init__(self, endpoints: Mapping[PartyId, Endpoint]) -> None:
        self._endpoints = dict(endpoints)

    def deliver(self, receiver: PartyId, folder: str, files: Mapping[str, tuple[Path, str]]) -> Outcome[None]:
        """See `ports.Courier`; through a channel with `packages_only` nothing but packages goes.

        Deferred 701 with `reason` (`connect`, `handshake`, `login`, `stall`, `dropped`, `denied`, `verify`), 702
        (remote full), 705 (host key), 712 (no algorithm in common); Fault 903 when something else has the final name,
        900 when our own copy, key or known_hosts is not what it should be. No names, and none of the server's words but
        for algorithms."""
        endpoint = self._endpoints.get(receiver)
        if endpoint is None:
            return Fault("900", {"reason": "no endpoint for this party"})
        if endpoint.packages_only and folder != endpoint.acknowledge:
            files = {name: file for name, file in files.items() if offered.is_package(name)}
            if not files:
                return Ok(None)
        target = PurePosixPath(endpoint.remote_folder) / endpoint.folder.replace("{label}", folder)
        try:
            with session(endpoint) as (sftp, supervisor):
                try:
                    _deliver(sftp, target, files, supervisor.progress)
                except Stop as stop:
                    return stop.outcome
                except (OSError, EOFError, paramiko.SSHException, paramiko.sftp.SFTPError) as error:
                    if supervisor.stalled:
                        return later("stall")
                    answered = isinstance(error, OSError) and remote.is_answering(sftp)
                    return later("denied" if answered else "dropped")
        except NoSession as error:
            return error.outcome
        return Ok(None)


def _deliver(
    sftp: paramiko.SFTPClient,
    folder: PurePosixPath,
    files: Mapping[str, tuple[Path, str]],
    progress: Callable[[], None],
) -> None:
    remote.make_folders(sftp, str(folder), progress)
    for name, (source, sha256) in files.items():
        if name in ("", ".", "..") or "/" in name or name.startswith("."):
            raise Stop(Fault("900", {"reason": "name of a delivery"}))
        try:
            size = source.stat().st_size
        except OSError:
            raise Stop(Fault("900", {"reason": "our copy cannot be read"})) from None
        Put(sftp, folder, name, source, size, sha256, progress).run()
