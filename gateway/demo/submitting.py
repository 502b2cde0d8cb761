"""A province that seals what it reports, with stock `tar`, `zstd` and `gpg` and a descriptor written by hand, as the
formats page tells a partner to do it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from gateway.demo.files import Planned, records, render
from gateway.demo.partners import GPG, Partner, run


def sealed(planned: Planned, signer: Partner, node: str, node_key: str, created: datetime) -> bytes:
    """The file of `planned` as a package for the party `node`, encrypted to its key and signed by `signer`, which is
    the sender itself or, where a package is forged, another. Raises `PartnerFault` when a tool fails."""
    data, member = render(planned), f"data/{planned.agreement}.csv"
    with tempfile.TemporaryDirectory(prefix="gw-seal-") as scratch:
        folder = Path(scratch)
        (folder / "data").mkdir()
        (folder / member).write_bytes(data)
        (folder / "datapackage.json").write_bytes(_descriptor(planned, node, member, data, created))
        archive, target = folder / "p.tar.zst", folder / "p.tar.zst.gpg"
        tar = ["tar", "c", "--format=ustar", "-C", str(folder), "datapackage.json", member]
        packed = subprocess.run(tar, capture_output=True, check=True)
        subprocess.run(["zstd", "-q", "-1", "-o", str(archive)], input=packed.stdout, check=True)
        sealing = ["--local-user", signer.fingerprint, "--sign", "--digest-algo", "SHA256", "-z", "0"]
        run([*GPG, "--quiet", *sealing, "--encrypt", "-r", node_key, "-o", str(target), str(archive)], signer.home)
        return target.read_bytes()


def _descriptor(planned: Planned, node: str, member: str, data: bytes, created: datetime) -> bytes:
    digest, party = hashlib.sha256(data).hexdigest(), f"{planned.party}0000"
    key = secrets.token_bytes(32)
    content = hmac.new(key, f"{member} {digest}\n".encode(), hashlib.sha256).hexdigest()
    identity = f"{planned.agreement}_{party}_{node}_{planned.period}_r1_{content[:8]}"
    document = {
        "name": identity.lower(),
        "created": created.isoformat(timespec="seconds"),
        "resources": [
            {
                "name": planned.agreement,
                "path": member,
                "bytes": len(data),
                "hash": f"sha256:{digest}",
                "mediatype": "text/csv",
                "encoding": "utf-8",
            }
        ],
        "gateway:format": 2,
        "gateway:digest_key": key.hex(),
        "gateway:package_id": identity,
        "gateway:agreement": planned.agreement,
        "gateway:sender": party,
        "gateway:origin": party,
        "gateway:receiver": node,
        "gateway:period": planned.period,
        "gateway:kind": planned.kind,
        "gateway:revision": 1,
        "gateway:replaces": None,
        "gateway:records": len(records(planned)),
        "gateway:derived_from": None,
        "gateway:content_digest": content,
        "gateway:log_origin": None,
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True).encode()
