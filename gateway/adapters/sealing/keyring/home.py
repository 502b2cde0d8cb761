"""The GNUPGHOME: a short path to it, its passphrase, its agent; and python-gnupg set up to look at keys."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gnupg

CREDENTIAL = "gateway-passphrase"
_LONGEST_HOME = 79  # the agent's socket lies in the home, and a socket's path holds 107 bytes


class KeyringError(Exception):
    """The operator has to mend it: open modes, a missing passphrase, a key that is there already, gpg missing."""


def home(private: Path) -> Path:
    """The GNUPGHOME under `private`, by a path short enough for the agent's socket: a symbolic link in a folder of our
    own under `/run/user` or the temporary folder where the real path is too long. Made again whenever it is gone."""
    real = private.absolute() / "gnupg"
    if len(os.fsencode(real)) <= _LONGEST_HOME:
        return real
    name = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
    for base in (Path(f"/run/user/{os.getuid()}"), Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - see _own
        folder = base / f"gateway-{os.getuid()}"
        link = folder / name
        if len(os.fsencode(link)) > _LONGEST_HOME or not _own(folder):
            continue
        with contextlib.suppress(OSError):
            if link.readlink() == real:
                return link
        with contextlib.suppress(OSError):
            # Made under another name and renamed: two processes at once both end with the right link.
            fresh = folder / f"{name}.{os.getpid()}.{secrets.token_hex(4)}"
            fresh.symlink_to(real)
            fresh.rename(link)
            _sweep(folder)
            return link
    raise KeyringError("no short path for the key agent's socket")


def _sweep(folder: Path) -> None:
    """Drop the links of homes that are gone."""
    for link in folder.iterdir():
        if link.is_symlink() and not link.exists():
            link.unlink(missing_ok=True)


def _own(folder: Path) -> bool:
    """A folder of ours that nobody else can write to or swap: made now, or there with our uid and mode 0700."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError:
        return False
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700


def passphrase_file(private: Path) -> Path:
    """Where the passphrase of our key lies: the service credential, or `private/passphrase` (0600 or stricter)."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (path := Path(credentials, CREDENTIAL)).is_file():
        return path
    path = private.absolute() / "passphrase"
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise KeyringError("the passphrase is missing") from error
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise KeyringError("the passphrase file is open to others")
    return path


def agent_runs(private: Path) -> bool:
    """Whether an agent serves this home now: the daemon's, say, which a command by hand must leave alone."""
    if not (private / "gnupg").is_dir():
        return False
    done = subprocess.run(
        ["gpg-connect-agent", "--homedir", str(home(private)), "--no-autostart", "/bye"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    return done.returncode == 0 and b"no gpg-agent" not in done.stderr


def stop_agent(private: Path) -> None:
    """End the agent of this home, if one runs. It starts by itself when it is needed."""
    if not (private / "gnupg").is_dir():
        return
    subprocess.run(
        ["gpgconf", "--homedir", str(home(private)), "--kill", "gpg-agent"],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Take turns with every other thread and process that holds a lock on `path`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary home in which a stranger's key file is read: what it does to a keyring, it does not do to ours."""
    with tempfile.TemporaryDirectory(prefix="gateway-keys-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def engine(folder: Path, *options: str) -> Any:
    """python-gnupg over one home, for work on keys: generating, scanning, importing, exporting, listing."""
    try:
        made = gnupg.GPG(
            gnupghome=str(folder),
            options=["--no-options", "--no-auto-check-trustdb", "--disable-dirmngr", *options],
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"},
        )
    except (OSError, ValueError) as error:
        raise KeyringError("gpg cannot be run") from error
    made.encoding = "utf-8"
    return made
