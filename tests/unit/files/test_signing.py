"""Signatures have the format of OpenSSF Model Signing and are refused if anything was changed."""

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from carvalue.files import SIGNATURE, BadKey, BundleUntrusted, PublicKey, SigningKey
from signing_keys import a_key_pair

FILES = {"MANIFEST.json": b"b\n", "card.json": b"a\n"}
# what the program model_signing 1.1.1 of OpenSSF wrote for FILES, and its public key
SIGNED_BY_OPENSSF = Path(__file__).with_name("openssf_model.sig")
KEY_OF_OPENSSF = Path(__file__).with_name("openssf_model.pub")


def checksums(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_a_signature_names_the_checksum_of_every_file(tmp_path: Path) -> None:
    private, public = a_key_pair(tmp_path)

    signature = SigningKey(private).sign(FILES, name="3-f00d")

    assert PublicKey(public).verify(signature) == checksums(FILES)
    assert (
        SigningKey(private.read_text()).sign(FILES, name="3-f00d") != signature
    )  # a random number is part of it
    assert PublicKey(public.read_text()).verify(signature) == checksums(FILES)


def test_a_signature_of_the_program_of_openssf_is_verified() -> None:
    assert PublicKey(KEY_OF_OPENSSF).verify(SIGNED_BY_OPENSSF.read_bytes()) == checksums(FILES)


def test_the_program_of_openssf_verifies_a_signature(tmp_path: Path) -> None:
    program = shutil.which("model_signing")
    if program is None:
        pytest.skip("model_signing is not installed: compatibility with OpenSSF's program goes untested")
    private, public = a_key_pair(tmp_path / "keys")
    folder = tmp_path / "3-f00d"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / SIGNATURE).write_bytes(SigningKey(private).sign(FILES, name="3-f00d"))

    verify = [program, "verify", "key", folder, "--signature", folder / SIGNATURE, "--public_key", public]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)

    assert "succeeded" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("part", ["payload", "sig", "key", "cut", "text", "other"])
def test_whatever_was_changed_is_refused(tmp_path: Path, part: str) -> None:
    private, public = a_key_pair(tmp_path)
    _, other = a_key_pair(tmp_path / "other")
    signature = SigningKey(private).sign(FILES, name="3-f00d")
    bundle = json.loads(signature)
    envelope = bundle["dsseEnvelope"]
    if part == "payload":
        payload = base64.b64decode(envelope["payload"]).replace(b"card.json", b"cart.json")
        envelope["payload"] = base64.b64encode(payload).decode()
    if part == "sig":
        envelope["signatures"][0]["sig"] = base64.b64encode(b"0" * 70).decode()
    changed = {"cut": signature[:-9], "text": b"[]", "other": b"{}"}.get(part, json.dumps(bundle).encode())

    with pytest.raises(BundleUntrusted):
        PublicKey(other if part == "key" else public).verify(changed)


def test_other_keys_are_named(tmp_path: Path) -> None:
    private, public = a_key_pair(tmp_path)
    wrong = tmp_path / "ed25519.key"
    wrong.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )

    for path, kind in (
        (tmp_path / "none", SigningKey),
        (public, SigningKey),
        (wrong, SigningKey),
        (private, PublicKey),
    ):
        with pytest.raises(BadKey, match=path.name):
            kind(path)
    with pytest.raises(BadKey, match="The given text is not a private key"):
        SigningKey(public.read_text())
