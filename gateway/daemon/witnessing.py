"""Witnessing others' logs as the daemon does it: partners leave their request in a folder of theirs here, and find the
cosigned checkpoint beside it. Nothing waits for it, and a folder that is away is looked at another time."""

from __future__ import annotations

import time

from gateway.adapters.publishing import LogKeys, NoKey, Witness, over_sftp
from gateway.log.quorum import BadPolicy, Policy
from gateway.node import Node
from gateway.policy.facts import places

POLICY = "witnessed.policy"
SECONDS = 10.0


def answer(node: Node) -> int:
    """Look into every folder once; how many requests were answered, one way or the other."""
    facts, answered = node.facts.current(), 0
    wanted = facts.node.witnessing
    if not wanted.parties or not node.folders.is_up():
        return 0
    try:
        logs = {key.name: key for key in Policy.parse((facts.keys / POLICY).read_text("utf-8")).logs}
        signer = LogKeys(facts.path(facts.node.private), facts.node.name).witness()
    except (OSError, BadPolicy, NoKey) as error:
        node.log.warning("witnessing_waits", error=type(error).__name__)
        return 0
    witness = Witness(facts.path(facts.node.state), signer)
    for identity in wanted.parties:
        place = places.party_folder(facts.parties[identity]) / wanted.folder
        try:
            with node.folders.opened(place) as folder:  # in a chroot `gateway parties provision` has made it
                status = over_sftp.answer_folder(witness, logs, folder, int(time.time()))
        except OSError as error:
            node.log.warning("witnessing_waits", party=identity, errno=error.errno)
            continue
        if status is not None:
            node.log.info("witnessed", party=identity, status=status)
            answered += 1
    return answered
