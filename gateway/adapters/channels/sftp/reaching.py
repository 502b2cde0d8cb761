"""Logs in at an endpoint and out again, touching nothing: what both sides agreed on, or what stands in the way."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import paramiko

from gateway.adapters.channels.sftp import negotiation, remote
from gateway.adapters.channels.sftp.session import Endpoint, NoSession, session
from gateway.outcomes import Deferred, Ok, Outcome


def reach(endpoint: Endpoint) -> Outcome[Mapping[str, str]]:
    """Ok with the agreed algorithm of each kind (`kex`, `host_key`, `cipher`, `mac`) and `folder`: whether the remote
    folder is there (`yes`, `no`). Deferred 701, 705, 712 and Fault 900 as `Courier.deliver` has them."""
    try:
        with session(endpoint) as (sftp, supervisor):
            channel = sftp.get_channel()
            transport = channel.get_transport() if channel is not None else None
            agreed = dict(transport.agreed) if isinstance(transport, negotiation.Transport) else {}
            try:
                there = remote.status(sftp, posixpath.join(endpoint.remote_folder, "."))
            except (OSError, EOFError, paramiko.SSHException, paramiko.sftp.SFTPError):
                answered = not supervisor.stalled and remote.is_answering(sftp)
                return Deferred("701", {"reason": "denied" if answered else "dropped"})
            return Ok({**agreed, "folder": "no" if there is None else "yes"})
    except NoSession as error:
        return error.outcome
