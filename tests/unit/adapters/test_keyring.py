"""Keys on disk: our own behind its passphrase, partners' pinned by fingerprint. Real gpg."""

import os
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import gnupg
import pytest

from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.keyring import KeyringError
from gateway.outcomes import Ok, Refused

PARTY = """# 山东省
id = "370000"
name = "山东省"     # the full name
area_code = "370000"
tier = "province"

[channel]
kind = "folder"

[[contacts]]
name = "联络员"
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    private = tmp_path_factory.mktemp("own") / "private"
    keyring.generate(private, "国家节点")
    yield private
    keyring.stop_agent(private)


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    private = tmp_path_factory.mktemp("partner") / "private"
    keyring.generate(private, "partner", algorithm="rsa3072")
    (private / "key.asc").write_bytes(keyring.public_key(private))
    yield private
    keyring.stop_agent(private)


@pytest.fixture
def facts(tmp_path: Path) -> tuple[Path, Path]:
    parties = tmp_path / "config/parties"
    parties.mkdir(parents=True)
    (parties / "370000.toml").write_text(PARTY)
    return tmp_path / "keys", parties


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_private_folder_is_ours_alone(own: Path) -> None:
    assert [mode(own), mode(own / "gnupg"), mode(own / "passphrase")] == [0o700, 0o700, 0o600]
    assert len((own / "passphrase").read_text().strip()) >= 43, "256 bits in base64"
    conf = (own / "gnupg/gpg-agent.conf").read_text().split()
    assert {"auto-expand-secmem", "allow-loopback-pinentry", "s2k-count", "65536"} <= set(conf)


def test_our_key(own: Path, partner: Path) -> None:
    key = keyring.own_info(own)
    assert key.fingerprint == keyring.own_fingerprint(own)
    assert (key.algorithm, keyring.own_info(partner).algorithm) == ("ed25519", "rsa3072")
    assert [sub.capabilities for sub in key.subkeys] == ["e"]
    assert key.expires is not None
    assert timedelta(days=728) < key.expires - key.created < timedelta(days=732)
    assert key.usable(key.created)
    assert not key.usable(key.expires)


def test_the_private_key_is_protected(own: Path) -> None:
    """Neither the export nor the files of the agent give it away without the passphrase."""
    files = list((own / "gnupg/private-keys-v1.d").iterdir())
    assert len(files) == 2
    assert all(b"openpgp-s2k3-sha1-aes" in f.read_bytes() or b"openpgp-s2k3-ocb-aes" in f.read_bytes() for f in files)


def test_a_second_generation_is_refused(own: Path) -> None:
    before = keyring.public_key(own)
    with pytest.raises(KeyringError, match="already"):
        keyring.generate(own, "again")
    assert keyring.public_key(own) == before


@pytest.mark.parametrize("uid", ["", "a\nExpire-Date: 0", "x" * 201])
def test_a_name_cannot_bring_parameters(tmp_path: Path, uid: str) -> None:
    with pytest.raises(KeyringError):
        keyring.generate(tmp_path / "private", uid)
    assert not (tmp_path / "private").exists()


def test_the_key_names_nothing_of_this_machine(own: Path) -> None:
    listed = keyring.public_key(own)
    done = subprocess.run(["gpg", "--show-keys", "--with-colons"], input=listed, capture_output=True, check=True)
    uids = [line.split(":")[9] for line in done.stdout.decode().splitlines() if line.startswith("uid")]
    assert uids == ["国家节点"]


def test_the_passphrase_comes_from_the_credential_first(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keyring.passphrase_file(own) == own / "passphrase"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert keyring.passphrase_file(own) == own / "passphrase"
    (tmp_path / "gateway-passphrase").write_text("secret")
    assert keyring.passphrase_file(own) == tmp_path / "gateway-passphrase"
    private = tmp_path / "private"
    keyring.generate(private, "with a credential")
    assert not (private / "passphrase").exists()


def test_an_open_passphrase_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    with pytest.raises(KeyringError, match="missing"):
        keyring.passphrase_file(tmp_path)
    file.write_text("x")
    file.chmod(0o640)
    with pytest.raises(KeyringError, match="open to others"):
        keyring.passphrase_file(tmp_path)
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyringError):
        keyring.passphrase_file(tmp_path)


def test_no_key_yet(tmp_path: Path) -> None:
    for ask in (keyring.own_fingerprint, keyring.own_info, keyring.public_key):
        with pytest.raises(KeyringError):
            ask(tmp_path)
    assert not keyring.agent_runs(tmp_path)
    keyring.stop_agent(tmp_path)


def test_a_short_home_stays_and_a_long_one_gets_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = Path("/srv/private")
    assert keyring.home(short) == Path("/srv/private/gnupg")
    long = tmp_path / ("x" * 100)
    (long / "gnupg").mkdir(parents=True)
    link = keyring.home(long)
    assert len(os.fsencode(link)) < 80
    assert link.resolve() == (long / "gnupg").resolve()
    assert keyring.home(long) == link
    assert mode(link.parent) == 0o700
    link.unlink()
    link.symlink_to("/elsewhere")
    assert keyring.home(long) == link
    assert link.readlink() == long / "gnupg", "a link that points elsewhere is replaced"
    link.unlink()


def test_a_short_folder_that_others_can_write_to_is_not_used(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = Path("/tmp") / f"gwtest-{os.getpid()}"
    base.mkdir()
    trap = base / f"gateway-{os.getuid()}"
    trap.mkdir()
    trap.chmod(0o777)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(base))
    long = tmp_path / ("x" * 100)
    (long / "gnupg").mkdir(parents=True)
    link = keyring.home(long)
    assert trap not in link.parents
    assert list(trap.iterdir()) == []
    link.unlink()
    trap.rmdir()
    base.rmdir()


def test_import_pins_by_fingerprint(facts: tuple[Path, Path], partner: Path) -> None:
    keys, parties = facts
    fingerprint = keyring.own_fingerprint(partner)
    spelled = " ".join(fingerprint[i : i + 4] for i in range(0, 40, 4)).lower()
    outcome = keyring.import_partner(keys, parties, partner / "key.asc", "370000", spelled)
    assert isinstance(outcome, Ok)
    assert outcome.value.fingerprint == fingerprint
    text = (parties / "370000.toml").read_text()
    assert tomllib.loads(text)["key"] == fingerprint
    assert text.replace(f'key = "{fingerprint}"\n', "") == PARTY, "comments and order stay"
    assert keyring.info(keys / "370000.asc")[0].fingerprint == fingerprint
    assert not keyring.info(keys / "370000.asc")[0].secret
    again = keyring.import_partner(keys, parties, keys / "370000.asc", "370000", fingerprint)
    assert isinstance(again, Ok)
    assert (parties / "370000.toml").read_text() == text


def test_import_replaces_the_pin_only(facts: tuple[Path, Path], own: Path, partner: Path, tmp_path: Path) -> None:
    keys, parties = facts
    (parties / "370000.toml").write_text(PARTY.replace("\n[channel]", "key = '" + "0" * 40 + "' # old\n\n[channel]"))
    fingerprint = keyring.own_fingerprint(partner)
    assert isinstance(keyring.import_partner(keys, parties, partner / "key.asc", "370000", fingerprint), Ok)
    assert f'key = "{fingerprint}" # old\n' in (parties / "370000.toml").read_text()


@pytest.mark.parametrize("what", ["other fingerprint", "short id", "two keys", "subkey", "rubbish", "empty", "secret"])
def test_import_refuses(facts: tuple[Path, Path], own: Path, partner: Path, tmp_path: Path, what: str) -> None:
    keys, parties = facts
    fingerprint, code = keyring.own_fingerprint(partner), "217"
    content = (partner / "key.asc").read_bytes()
    if what == "other fingerprint":
        fingerprint = keyring.own_fingerprint(own)
    elif what == "short id":
        fingerprint = fingerprint[-16:]
    elif what == "two keys":
        content += keyring.public_key(own)
    elif what == "subkey":
        fingerprint = keyring.own_info(partner).subkeys[0].fingerprint
    elif what == "rubbish":
        content = b"\x99rubbish"
    elif what == "empty":
        content = b""
    else:
        passphrase = (partner / "passphrase").read_text().strip()
        engine = gnupg.GPG(gnupghome=str(keyring.home(partner)), options=["--pinentry-mode", "loopback"])
        content, code = engine.export_keys(fingerprint, True, armor=False, passphrase=passphrase), "218"
        assert content
    file = tmp_path / "file"
    file.write_bytes(content)
    outcome = keyring.import_partner(keys, parties, file, "370000", fingerprint)
    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert not keys.exists()
    assert (parties / "370000.toml").read_text() == PARTY


def test_import_for_an_unknown_party(facts: tuple[Path, Path], partner: Path) -> None:
    with pytest.raises(KeyringError, match="no such party"):
        keyring.import_partner(*facts, partner / "key.asc", "999999", keyring.own_fingerprint(partner))


def test_many_make_the_same_keyring_at_once(own: Path, partner: Path) -> None:
    """Parallel imports into one keyring fail; here writers take turns and readers see a whole file."""
    fingerprint = keyring.own_fingerprint(partner)
    with ThreadPoolExecutor(12) as pool:
        rings = list(pool.map(lambda _: keyring.partner_keyring(own, partner / "key.asc", fingerprint), range(24)))
    assert len(set(rings)) == 1
    assert rings[0] is not None
    assert mode(rings[0]) == 0o600
    assert [key.fingerprint for key in keyring.info(rings[0])] == [fingerprint]


def test_a_keyring_is_only_made_of_the_pinned_key(own: Path, partner: Path, tmp_path: Path) -> None:
    file = tmp_path / "key.asc"
    fingerprint = keyring.own_fingerprint(partner)
    assert keyring.partner_keyring(own, file, fingerprint) is None
    file.write_bytes(keyring.public_key(own))
    assert keyring.partner_keyring(own, file, fingerprint) is None
    file.write_bytes((partner / "key.asc").read_bytes() + keyring.public_key(own))
    assert keyring.partner_keyring(own, file, fingerprint) is None


def test_looking_at_a_file_changes_no_keyring(own: Path, partner: Path) -> None:
    before = sorted(p.name for p in (own / "gnupg").iterdir())
    assert len(keyring.info(partner / "key.asc")) == 1
    assert sorted(p.name for p in (own / "gnupg").iterdir()) == before
