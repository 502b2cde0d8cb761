"""`gateway keys`: the node's own keys, the partners' keys, what is about to run out, and what follows it."""

from gateway.cli.conventions import group
from gateway.cli.keys.listing import check, list_
from gateway.cli.keys.own import export, generate, revoke, rotate
from gateway.cli.keys.partners import import_
from gateway.cli.keys.trial import trial

app = group("keys")
for _name, _command in (
    ("list", list_),
    ("check", check),
    ("generate", generate),
    ("import", import_),
    ("export", export),
    ("rotate", rotate),
    ("revoke", revoke),
    ("rehearse", trial),
):
    app.command(_name)(_command)
