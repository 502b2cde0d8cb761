"""`gateway log`: for those who check the exchange log (verify, check, prove) and those who keep it (key, cosign, …).

What needs a node's keys or ledger is imported by the commands that do: an auditor checks a copy without waiting for it.
"""

from gateway.cli.conventions import group
from gateway.cli.log.auditing import check, prove_, verify_
from gateway.cli.log.publishing import checkpoint_, export, key_, timestamp
from gateway.cli.log.witnessing import cosign, witness_

app = group("log")
for _name, _command in (
    ("verify", verify_),
    ("check", check),
    ("prove", prove_),
    ("checkpoint", checkpoint_),
    ("cosign", cosign),
    ("witness", witness_),
    ("key", key_),
    ("timestamp", timestamp),
    ("export", export),
):
    app.command(_name)(_command)
