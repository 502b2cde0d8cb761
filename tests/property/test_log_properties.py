"""Properties of the tree, the canonical form and the parsers: what is proved holds, what is not is refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.log import canonical, merkle, tiles
from gateway.log.note import BadNote, Note, Signer, VerifierKey
from gateway.log.proof import Proof
from gateway.log.quorum import BadPolicy, Policy

SIZES = st.one_of(st.integers(1, 40), st.integers(1, 700), st.sampled_from([255, 256, 257, 511, 512, 513]))
LEAVES = [merkle.leaf(str(number).encode()) for number in range(800)]


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    cut = 1
    while cut * 2 < len(leaves):
        cut *= 2
    return merkle.parent(plain_root(leaves[:cut]), plain_root(leaves[cut:]))


def node(level: int, index: int) -> bytes:
    return plain_root(LEAVES[index << level : (index + 1) << level])


@settings(max_examples=60, deadline=None)
@given(SIZES, st.data())
def test_trees_however_grown_have_one_root(size: int, data: st.DataObject) -> None:
    expected = plain_root(LEAVES[:size])
    edge, at = merkle.Edge(), 0
    full: dict[int, list[bytes]] = {}
    while at < size:
        step = data.draw(st.integers(1, size - at))
        for level, number, content in edge.extend(LEAVES[at : at + step]):
            assert number * merkle.WIDTH == len(full.setdefault(level, []))
            full[level] += [content[i : i + 32] for i in range(0, len(content), 32)]
        at += step
    assert edge.root() == expected == merkle.fold(LEAVES[:size])
    whole: list[list[bytes]] = []
    for level, number, content in edge.partial():
        while len(whole) <= level:
            whole.append(full.get(len(whole), []))
        assert number * merkle.WIDTH == len(whole[level])
        whole[level] = whole[level] + [content[i : i + 32] for i in range(0, len(content), 32)]
    while len(whole) <= max(full, default=0):
        whole.append(full.get(len(whole), []))
    assert merkle.root_of(whole, size) == expected
    earlier = data.draw(st.integers(1, size))
    assert merkle.root_of(whole, earlier) == plain_root(LEAVES[:earlier])


@settings(max_examples=80, deadline=None)
@given(SIZES, st.data())
def test_inclusion_is_proved_and_nothing_else_is(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root, path = plain_root(LEAVES[:size]), merkle.inclusion(node, index, size)
    assert merkle.root_from_inclusion(LEAVES[index], index, size, path) == root

    for wrong in ([*path, bytes(32)], path[:-1]):
        if wrong != path:
            with pytest.raises(ValueError):
                merkle.root_from_inclusion(LEAVES[index], index, size, wrong)
    assert merkle.root_from_inclusion(LEAVES[index + 1], index, size, path) != root
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index)) if size > 1 else None
    if other is not None:
        with contextlib.suppress(ValueError):  # a path of another length: refused as well
            assert merkle.root_from_inclusion(LEAVES[index], other, size, path) != root


@settings(max_examples=80, deadline=None)
@given(SIZES, st.data())
def test_consistency_is_proved_and_nothing_else_is(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    before, after = plain_root(LEAVES[:old]), plain_root(LEAVES[:size])
    proof = merkle.consistency(node, old, size)
    assert merkle.consistent(old, before, size, after, proof)

    assert not merkle.consistent(old, bytes(32), size, after, proof)
    assert not merkle.consistent(old, before, size, bytes(32), proof)
    assert not merkle.consistent(old, before, size, after, [*proof, bytes(32)])
    if proof:
        assert not merkle.consistent(old, before, size, after, proof[:-1])
        assert not merkle.consistent(old, before, size, after, [bytes(32), *proof[1:]])


NUMBERS = st.integers(-canonical.SAFE, canonical.SAFE)
VALUES = st.recursive(
    st.one_of(st.text(), NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=6))
def test_the_canonical_form_is_that_of_rfc_8785(value: dict[str, Any]) -> None:
    data = canonical.dumps(value)
    assert data == rfc8785.dumps(value)
    assert canonical.loads(data) == value


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=5), NUMBERS), min_size=1), st.data())
def test_no_other_spelling_is_taken(value: dict[str, Any], data: st.DataObject) -> None:
    good = canonical.dumps(value)
    at = data.draw(st.integers(0, len(good)))
    other = data.draw(
        st.sampled_from(
            [
                good[:at] + b" " + good[at:],
                json.dumps(value, ensure_ascii=True, indent=1).encode(),
                good[:-1] + b',"z":1.0}',
                good + b"\n",
            ]
        )
    )
    try:
        found = canonical.loads(other)
    except ValueError:
        return
    assert canonical.dumps(found) == other  # the blank fell into a text: another value, canonical all the same


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_parsers_take_it_or_refuse_it(data: bytes) -> None:
    for parse, error in (
        (Note.parse, BadNote),
        (Proof.parse, BadNote),
        (lambda d: VerifierKey.parse(d.decode("utf-8", "replace")), BadNote),
        (lambda d: Policy.parse(d.decode("utf-8", "replace")), BadPolicy),
        (tiles.unbundle, ValueError),
        (canonical.loads, ValueError),
    ):
        try:
            found = parse(data)
        except error:
            continue
        if isinstance(found, Note | Proof):
            assert found.to_bytes() == data
        if isinstance(found, list):
            assert tiles.bundle(found) == data


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.text("abc.-/", min_size=1, max_size=20), st.integers(0, (1 << 63) - 1))
def test_signatures_hold_for_their_text_and_key_only(seed: bytes, name: str, time: int) -> None:
    signer, text = Signer(name, seed), f"{name}\n1\n{'A' * 43}=\n"
    note = Note(text, (signer.sign(text), signer.cosign(text, time)))
    again = Note.parse(note.to_bytes())
    assert again == note
    assert again.signed_by(VerifierKey.parse(str(signer.verifier)))
    assert again.cosigned_at(VerifierKey.parse(str(signer.cosigner))) == time
    other = Signer(name, bytes(a ^ 1 for a in seed))
    assert not again.signed_by(other.verifier)
    assert again.cosigned_at(other.cosigner) is None
    changed = Note(text + "more\n", note.signatures)
    assert not changed.signed_by(signer.verifier)
    assert changed.cosigned_at(signer.cosigner) is None
