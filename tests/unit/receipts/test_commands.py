"""The commands a page asks people to copy do what it says, with stock gpg, zstd and tar in a plain shell."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.receipts.distribution import acknowledgement_form
from gateway.receipts.distribution import page as distribution_page
from gateway.receipts.listing import DistributionList
from gateway.receipts.naming import file_name, form_name, list_name
from gateway.receipts.pages import SentFile, receipt_page
from gateway.receipts.parties import Issuer, Receiver
from gateway.receipts.receipt import Receipt

Run = Callable[[str], str]


def commands(page: bytes) -> list[str]:
    """What stands in the boxes for copying, in order."""
    return [html.unescape(box) for box in re.findall(r"<pre>(.*?)</pre>", page.decode(), re.DOTALL)]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A shell in `tmp_path` with a keyring of its own that holds one key."""
    for tool in ("bash", "gpg", "zstd", "tar"):
        assert shutil.which(tool), f"{tool} is missing"
    home = tempfile.mkdtemp(prefix="gh")
    environment = {**os.environ, "GNUPGHOME": home, "LC_ALL": "C.UTF-8"}

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    try:
        run("gpg --batch --passphrase '' --quick-gen-key node@example.invalid future-default default never")
        yield run
    finally:
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=environment, check=True)
        shutil.rmtree(home, ignore_errors=True)  # the agent removes its own sockets meanwhile


def test_a_package_opens_and_the_form_is_signed_as_the_page_says(
    listing: DistributionList, run: Run, tmp_path: Path
) -> None:
    lines = []
    for line in listing.packages[:2]:
        name = f"{line.package}.tar.zst.gpg"
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "records.csv").write_text(f"records of {line.origin}\n")
        run(
            f"tar -cf p.tar data && zstd -q p.tar && gpg --batch -o {name} -r node@example.invalid -se p.tar.zst"
            " && rm -r p.tar p.tar.zst data"
        )
        sealed = (tmp_path / name).read_bytes()
        lines.append(replace(line, sha256=sha256(sealed).hexdigest(), size=len(sealed)))
    batch = replace(listing, lines=tuple(lines))
    fingerprint = re.findall(r"fpr:+([0-9A-F]{40}):", run("gpg --with-colons --list-keys"))[0]
    page = distribution_page(batch, Issuer("国家节点"), Receiver("广西壮族自治区", fingerprint), "zh")
    (tmp_path / list_name(batch, "广西壮族自治区")).write_bytes(batch.to_json())
    form = tmp_path / form_name(batch, "广西壮族自治区")
    form.write_bytes(acknowledgement_form(batch))
    run(f'gpg --detach-sign "{list_name(batch, "广西壮族自治区")}"')

    check, one, every, sign = commands(page)
    assert "Good signature" in run(check)
    assert "Good signature" in run(one)
    assert (tmp_path / "data" / "records.csv").read_text() == f"records of {lines[0].origin}\n"
    (tmp_path / f"{lines[0].package}.tar.zst").unlink()
    run(every)
    for line in lines:
        assert (tmp_path / str(line.package) / "data" / "records.csv").read_text() == f"records of {line.origin}\n"
    run(sign)
    assert "Good signature" in run(f'gpg --verify "{form.name}.sig" "{form.name}"')


def test_what_is_withdrawn_is_found_until_it_is_deleted(
    withdrawing: DistributionList, run: Run, tmp_path: Path
) -> None:
    page = distribution_page(withdrawing, Issuer("国家节点"), Receiver("广西壮族自治区"), "zh")
    (check,) = (command for command in commands(page) if command.startswith("find"))
    first, second = (str(entry.package) for entry in withdrawing.withdrawn)
    for left in (
        f"{first}.tar.zst.gpg",
        f"sub/{second}.tar",
        f"{second}/data/records.csv",
        f"{withdrawing.packages[0].package}.tar",
    ):
        (tmp_path / left).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / left).write_text("")
    assert set(run(check).split()) == {f"./{first}.tar.zst.gpg", f"./sub/{second}.tar", f"./{second}"}
    (tmp_path / f"{first}.tar.zst.gpg").unlink()
    shutil.rmtree(tmp_path / "sub")
    shutil.rmtree(tmp_path / second)
    assert run(check) == ""


def test_a_receipt_verifies_as_the_page_says(make: Callable[..., Receipt], run: Run, tmp_path: Path) -> None:
    receipt = make(label="名字 $(false)`false`!")
    name = file_name(receipt, receipt.label, "zh", ".receipt.json")
    (tmp_path / name).write_bytes(receipt.to_json())
    page = receipt_page(receipt, "zh", party_name="广东", issuer=Issuer("国家节点"), file=SentFile())
    run(f'gpg --detach-sign "{name}"')
    (command,) = commands(page)
    assert "Good signature" in run(command)
    (tmp_path / name).write_bytes(receipt.to_json().replace(b'"in":1000', b'"in":1001'))
    with pytest.raises(AssertionError, match="BAD signature"):
        run(command)
