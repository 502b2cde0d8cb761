"""The demo's node: made by `gateway init` like any other, its partners' keys pinned, one endpoint a real SFTP server,
its daemon a process of its own that can be killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway import durable, wiring
from gateway.adapters.channels.sshd import Sftpd, local_sftpd, make_key
from gateway.adapters.ledger import Ledger
from gateway.adapters.sealing import keyring
from gateway.control.client import ControlClient, NotRunning
from gateway.demo import folders
from gateway.demo.partners import Partners
from gateway.founding import TierChoice, make
from gateway.outcomes import Ok
from gateway.policy import loading
from gateway.policy.facts import Facts

REHEARSAL = "2026-10-20T09:00:00+08:00"  # a working day in the window of 2026Q3, eleven days before it is due
ENDPOINT = "440000"
OTHERS = (
    "bulletin-monthly",
    "evaluation",
    "evaluation-returns",
    "migrants-statistics",
    "migrants-structure",
    "self-assessment",
    "work-plan",
)
TUNING = {"scan_seconds": "0.5", "quiet_seconds": "1.0"}


class DemoNode:
    """`home` is the node's folder. Start and stop as often as you like."""

    def __init__(self, home: Path, facts: Facts, endpoint: Sftpd) -> None:
        self.home = home
        self.facts = facts
        self.endpoint = endpoint
        self._daemon: subprocess.Popen[bytes] | None = None
        self._client = ControlClient(wiring.control_socket(facts), timeout=60)

    @classmethod
    def make(
        cls, home: Path, partners: Partners, database: str = "", begins: str = REHEARSAL, speed: float = 1.0
    ) -> DemoNode:
        """A national node with 32 partners whose keys are pinned; the rehearsal's clock stands in October 2026, at
        `begins` (RFC 3339) when the node is first started, and runs `speed` times as fast."""
        make(home, TierChoice.NATIONAL, "000000", None)
        config, keys = home / "config", home / "keys"
        for other in OTHERS:  # the story is about cases; nobody in it owes a table, a report or a bulletin
            (config / "agreements" / f"{other}.toml").unlink()
        _edit(config / "gateway.toml", {**TUNING, **({"database": f'"{database}"'} if database else {})})
        with (config / "gateway.toml").open("a", encoding="utf-8") as stream:
            stream.write(f"\n[rehearsal]\nstarts_at = {begins}\nspeed = {speed}\n")
        for code in partners:
            party, partner = f"{code}0000", partners[code]
            file = home / "private" / f"{party}.asc"
            file.write_bytes(partner.public_key())
            pinned = keyring.import_partner(keys, config / "parties", file, party, partner.fingerprint)
            assert isinstance(pinned, Ok), f"the key of {party} was not taken"
            file.unlink()
        endpoint = local_sftpd(home / "sftp-endpoint", make_key(home / "private" / "sftp-key"))
        endpoint.start()
        (keys / f"{ENDPOINT}.known_hosts").write_text(endpoint.known_hosts_line)
        channel = (
            f'[channel]\nkind = "sftp"\nhost = "127.0.0.1"\nport = {endpoint.port}\nusername = "{endpoint.username}"\n'
        )
        fact = config / "parties" / f"{ENDPOINT}.toml"
        text = fact.read_text("utf-8").replace(
            "[[contacts]]", f'{channel}known_hosts = "{ENDPOINT}.known_hosts"\n\n[[contacts]]', 1
        )
        durable.write_bytes(fact, text.encode("utf-8"), 0o644)
        partners.trust(keyring.public_key(home / "private"))
        return cls(home, loading.load(home), endpoint)

    @property
    def daemon_log(self) -> Path:
        return self.home / "daemon.log.jsonl"

    def start(self, timeout: float = 60.0, by: Sequence[str] = ()) -> None:
        """Start the daemon (`by` a program that starts others) and wait until it serves its socket. Raises
        `RuntimeError` with the end of its log."""
        with self.daemon_log.open("ab") as log:
            self._daemon = subprocess.Popen(
                [*by, sys.executable, "-m", "gateway", "run", "--config", str(self.home)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._daemon.poll() is not None:
                break
            try:
                self._client.get("health")
            except NotRunning:
                time.sleep(0.1)
            else:
                return
        tail = self.daemon_log.read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"the daemon did not start:\n{tail}")

    @property
    def pid(self) -> int:
        assert self._daemon is not None, "the daemon was started"
        return self._daemon.pid

    def alive(self) -> bool:
        return self._daemon is not None and self._daemon.poll() is None

    def kill(self) -> None:
        """As a power cut would: SIGKILL to the daemon; its worker notices by itself."""
        assert self._daemon is not None, "the daemon was started"
        self._daemon.kill()
        self._daemon.wait()

    def kill_worker(self) -> bool:
        """SIGKILL to the worker, if one runs."""
        pid = self.get("health")["worker"]["pid"]
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        return True

    def stop(self) -> int:
        """SIGTERM, and the daemon's exit code."""
        if self._daemon is None:
            return 0
        self._daemon.terminate()
        try:
            return self._daemon.wait(90)
        except subprocess.TimeoutExpired:
            self.kill()
            return -1

    def close(self) -> None:
        self.stop()
        self.endpoint.stop()

    def get(self, *path: str, **query: str | None) -> Any:
        return self._client.get(*path, **query)

    def post(self, *path: str, **body: Any) -> Any:
        return self._client.post(*path, **body)

    def obligations(self) -> dict[tuple[str, str], str]:
        """By (province, dataset), what became of what is owed, as the ledger has it."""
        ledger = Ledger(wiring.database_url(self.facts))
        try:
            with ledger.reading() as reading:
                return {(o.party[:2], o.agreement): str(o.state) for o in reading.obligations.where()}
        finally:
            ledger.close()

    # -- the rehearsal's clock ---------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """What the node's clock shows, reckoned from its facts; once it was started."""
        text = (self.home / "config" / "gateway.toml").read_text("utf-8")
        rehearsal = tomllib.loads(text)["rehearsal"]
        begins: datetime = rehearsal["starts_at"]
        return begins + timedelta(seconds=(time.time() - self._anchor()) * float(rehearsal["speed"]))

    def turn(self, moment: datetime, speed: float) -> None:
        """Turn the clock forward to `moment` and let it run `speed` times as fast from there, as an operator who
        rehearses would: by the configuration, and a reload. Never back: where the clock is further already, it goes on
        from there."""
        moment = max(moment, self.now())
        begins = moment - timedelta(seconds=(time.time() - self._anchor()) * speed)
        values = {"starts_at": begins.isoformat(timespec="milliseconds"), "speed": f"{speed:.1f}"}
        _edit(self.home / "config" / "gateway.toml", values)
        self.post("reload")

    def _anchor(self) -> float:
        state = self.facts.path(self.facts.node.state)
        return float(json.loads((state / "rehearsal.json").read_text())["started"])

    # -- what lies with the receivers --------------------------------------------------------------------------------

    def channel(self, province: str) -> Path:
        """The folder below which a receiver finds what was delivered to it."""
        party = self.facts.by_province(province)
        assert party is not None, "a province of the exchange"
        if party.id == ENDPOINT:
            return self.endpoint.data
        return folders.party_folder(self.facts, party) / self.facts.node.folders.inbox

    def packages(self) -> Mapping[str, list[Path]]:
        """What lies in every receiver's channel, by two-digit province code."""
        provinces = [p.province for p in self.facts.parties.values() if p.id != self.facts.node.party]
        return {province: sorted(self.channel(province).rglob("*.tar.zst.gpg")) for province in provinces}

    def forms(self, province: str) -> list[Path]:
        """The acknowledgement forms that a receiver has got."""
        return sorted(self.channel(province).rglob("*.receipt.json"))


def _edit(file: Path, values: Mapping[str, str]) -> None:
    text = file.read_text("utf-8")
    for key, value in values.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE)
        assert count == 1, f"the example has {key}"
    durable.write_bytes(file, text.encode("utf-8"), 0o644)
