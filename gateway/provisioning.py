"""Provisioning: accounts, folders and keys of the parties that log in here over SFTP (`systemd/sshd_config.d`).

A party has an account when `keys/ssh/<id>.pub` lists its public keys. Its chroot is its folder on the exchange root:
that and everything above belongs to root, so only folders whose parent is root's are touched here. No party that has
an account can put a link in their place; one that had none until now can have, and that is neither followed nor
removed. What lies deeper the daemon makes itself.

```
<root>/<party>/          root:root 0755        the chroot
       上报/             root:root 0755
            <label>/     party:daemon 2770     the party drops, the daemon takes
       接收/ 回执/ 退回/ 模板/  daemon:party 2750   the daemon lays, the party reads
       见证/             party:daemon 2770     where this node witnesses the party's log (`[witnessing]`)
```
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import secrets
import shlex
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gateway import durable
from gateway.adapters.channels.folders.root import SENTINEL
from gateway.policy.facts import Facts, Party, places

LONGEST_NAME = 32
_KEY = re.compile(
    r"(ssh-ed25519|sk-ssh-ed25519@openssh\.com|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa) [A-Za-z0-9+/=]{40,}( [^\n]*)?"
)


@dataclass(frozen=True, slots=True)
class System:
    """The names that units and drop-in use."""

    daemon: str = "gateway"
    parties: str = "gateway-parties"
    keys: Path = Path("/etc/gateway/keys")
    prefix: str = "gw-"

    def account(self, party: Party) -> str:
        return f"{self.prefix}{party.id}"


@dataclass(frozen=True, slots=True)
class Run:
    """A command."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.words)

    def do(self) -> None:
        """Raises `CalledProcessError`."""
        subprocess.run(self.words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@dataclass(frozen=True, slots=True)
class Write:
    """A small file, root's, 0644."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"printf %s {shlex.quote(self.text)} > {shlex.quote(str(self.path))}"

    def do(self) -> None:
        durable.write_bytes(self.path, self.text.encode(), 0o644)
        self.path.chmod(0o644)


@dataclass(frozen=True, slots=True)
class Remove:
    """A party's keys that are no longer a fact."""

    path: Path

    def __str__(self) -> str:
        return f"rm -f {shlex.quote(str(self.path))}"

    def do(self) -> None:
        durable.remove(self.path)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with its owner and mode, `below` one that is root's. Shown as the command that comes nearest; done
    through descriptors, as a party that was not served until now may have put a link in its place, or in a parent's."""

    top: Path
    below: PurePosixPath
    user: str
    group: str
    mode: int

    def __str__(self) -> str:
        path = str(self.top / self.below)
        return shlex.join(("install", "-d", "-o", self.user, "-g", self.group, "-m", f"{self.mode:04o}", path))

    def check(self) -> None:
        """Raises `NotPossible` where something else stands in the place of it or of a parent."""
        for depth in range(1, len(self.below.parts) + 1):
            path = self.top.joinpath(*self.below.parts[:depth])
            try:
                there = path.lstat()
            except (FileNotFoundError, PermissionError):
                return
            if not stat.S_ISDIR(there.st_mode):
                raise NotPossible(f"{path}: {'a link' if stat.S_ISLNK(there.st_mode) else 'a file'} is in the way")

    def do(self) -> None:
        """Raises `NotPossible`; then nothing was changed behind what stands in the way."""
        self.check()
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        durable.make_folder(self.top, 0o755)
        with ExitStack() as opened:
            folder = os.open(self.top, flags)
            opened.callback(os.close, folder)
            for part in self.below.parts:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=folder)
                try:
                    folder = os.open(part, flags | os.O_NOFOLLOW, dir_fd=folder)
                except NotADirectoryError:  # put there since the check
                    raise NotPossible(f"{self.top / self.below}: a link or a file is in the way") from None
                opened.callback(os.close, folder)
            os.fchown(folder, pwd.getpwnam(self.user).pw_uid, grp.getgrnam(self.group).gr_gid)
            os.fchmod(folder, self.mode)


Step = Run | Write | Remove | Folder


class NotPossible(Exception):
    """A party that cannot be served; the message is its id and the reason, for people."""


def served(facts: Facts) -> list[Party]:
    """Who logs in here: the parties with public keys for it."""
    return [p for p in facts.parties.values() if p.id != facts.node.party and _key_file(facts, p).is_file()]


def plan(facts: Facts, system: System | None = None) -> Iterator[Step]:
    """What is to be done, in order; all of it may be done again. Raises `NotPossible`."""
    system = system or System()
    root = facts.path(facts.node.exchange_root)
    yield Run(("groupadd", "--force", "--system", system.parties))
    yield Folder(root, PurePosixPath(), "root", "root", 0o755)
    yield Folder(system.keys, PurePosixPath(), "root", "root", 0o755)
    record = facts.path(facts.node.state) / "spool" / ".exchange-root"
    if not (root / SENTINEL).exists() and not record.exists():  # later it would make an unmounted share look mounted
        yield Write(root / SENTINEL, secrets.token_hex(16) + "\n")
    chosen = served(facts)
    for party in facts.parties.values():
        if party in chosen:
            yield from _serve(facts, party, system)
        else:  # the node's own holds what it issues and what is for itself
            yield Folder(root, places.party_folder(party), system.daemon, system.daemon, 0o770)
    wanted = {system.account(party) for party in chosen}
    if system.keys.is_dir():
        for file in sorted(system.keys.iterdir()):
            if file.name.startswith(system.prefix) and file.name not in wanted:
                yield Remove(file)


def _serve(facts: Facts, party: Party, system: System) -> Iterator[Step]:
    account, home, names = system.account(party), places.party_folder(party), facts.node.folders
    root = facts.path(facts.node.exchange_root)
    if len(account) > LONGEST_NAME:
        raise NotPossible(f"{party.id}: {account} is longer than an account's name may be ({LONGEST_NAME})")
    keys = _keys(facts, party)
    yield _account(account, root / home, system)
    drop = home / names.drop
    for folder in (home, drop):
        yield Folder(root, folder, "root", "root", 0o755)
    for folder in places.folders_of(facts, party):
        if folder.parent == drop:
            yield Folder(root, folder, account, system.daemon, 0o2770)
    for name in (names.inbox, names.receipts, names.returned, names.templates):
        yield Folder(root, home / name, system.daemon, account, 0o2750)
    if party.id in facts.node.witnessing.parties:
        yield Folder(root, home / facts.node.witnessing.folder, account, system.daemon, 0o2770)
    yield Write(system.keys / account, keys)


def _account(account: str, home: Path, system: System) -> Run:
    """`*` for a password: none will ever fit, and sshd does not call the account locked."""
    known = ("--home-dir", str(home), "--shell", "/usr/sbin/nologin", "--password", "*")
    try:
        pwd.getpwnam(account)
    except KeyError:
        return Run(
            ("useradd", "--system", "--no-create-home", "--user-group", "--groups", system.parties, *known, account)
        )
    return Run(("usermod", "--append", "--groups", system.parties, *(w.replace("-dir", "") for w in known), account))


def _key_file(facts: Facts, party: Party) -> Path:
    return facts.keys / "ssh" / f"{party.id}.pub"


def _keys(facts: Facts, party: Party) -> str:
    """The party's public keys, one a line; lines with options would decide what the drop-in decides."""
    lines = [line.strip() for line in _key_file(facts, party).read_text("utf-8").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or not all(_KEY.fullmatch(line) for line in lines):
        raise NotPossible(f"{party.id}: keys/ssh/{party.id}.pub holds something else than public keys, one a line")
    return "".join(f"{line}\n" for line in lines)
