"""Keys to sign bundles with, as `openssl ecparam -name prime256v1 -genkey` makes them."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def a_key_pair(folder: Path) -> tuple[Path, Path]:
    """Write a private and a public key; give their files."""
    folder.mkdir(parents=True, exist_ok=True)
    key, pem = ec.generate_private_key(ec.SECP256R1()), serialization.Encoding.PEM
    private, public = folder / "bundle.key", folder / "bundle.pub"
    private.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public
