"""Signatures of a folder of files, in the format of OpenSSF Model Signing 1.0 with a key of one's own.

A signature is a Sigstore bundle: a DSSE envelope around an in-toto statement that names the checksum of every
file. The program `model_signing` of OpenSSF verifies it too. Its library is not used here, because it brings
Sigstore's clients, which a key needs none of (docs/decisions/0121). `cryptography` is imported where a key is
loaded: most commands load none.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carvalue.errors import AppError
from carvalue.files.bundle import BundleCorrupt

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey

SIGNATURE = "model.sig"
"""The name of the file with the signature, which signs all others of its folder."""
PEM = "-----BEGIN"  # how the content of every PEM file starts
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
HASHES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
"""The hash that is signed, by curve."""


class BadKey(AppError):
    """A key file is missing, or holds another kind of key."""

    status = 500
    hint = "Expected a PEM file with a key of the curve P-256, P-384 or P-521, as `openssl ecparam` makes it."


class BundleUntrusted(BundleCorrupt):
    """The signature is missing, was made with another key, or does not fit the files."""

    hint = "Publish the version again with `carvalue publish`, and find out who wrote to BUNDLE_URL."


class SigningKey:
    """A private key.

    Args:
        source: A PEM file without a password, or its content.

    Raises:
        BadKey: There is no usable private key.
    """

    def __init__(self, source: str | Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

        key = _load(source, private=True)
        if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name not in HASHES:
            raise BadKey(f"{_name(source)} is not a private key of a supported curve.")
        self._key = key

    def sign(self, files: Mapping[str, bytes], *, name: str) -> bytes:
        """Sign files.

        Args:
            files: File name to content.
            name: The name of the whole.

        Returns:
            The content of the file `SIGNATURE`.
        """
        payload = json.dumps(_statement(files, name=name), indent=1).encode()
        signature = self._key.sign(_encoded(payload), _ecdsa(self._key.curve.name))
        bundle = {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": _hint(self._key.public_key())}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
        return json.dumps(bundle).encode()


class PublicKey:
    """A public key.

    Args:
        source: A PEM file, or its content.

    Raises:
        BadKey: There is no usable public key.
    """

    def __init__(self, source: str | Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

        key = _load(source, private=False)
        if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in HASHES:
            raise BadKey(f"{_name(source)} is not a public key of a supported curve.")
        self._key = key

    def verify(self, signature: bytes) -> Mapping[str, str]:
        """Verify a signature.

        Args:
            signature: What `SigningKey.sign` returned, or the program `model_signing`.

        Returns:
            The SHA-256 of each signed file by name, as hexadecimal digits.

        Raises:
            BundleUntrusted: The signature was not made with this key, or is damaged.
        """
        from cryptography.exceptions import InvalidSignature

        try:
            envelope = json.loads(signature)["dsseEnvelope"]
            payload = base64.b64decode(envelope["payload"], validate=True)
            signed = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
            self._key.verify(signed, _encoded(payload), _ecdsa(self._key.curve.name))
            return _checksums(json.loads(payload))
        except InvalidSignature:
            raise BundleUntrusted("The signature was made with another key, or is damaged.") from None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise BundleUntrusted(
                "The signature has another format than OpenSSF Model Signing 1.0."
            ) from None


def _ecdsa(curve: str) -> "ECDSA":
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    return ECDSA(getattr(hashes, HASHES[curve])())


def _load(source: str | Path, *, private: bool) -> object:
    from cryptography.hazmat.primitives import serialization

    try:
        content = str(source).encode() if _is_content(source) else Path(source).read_bytes()
        if private:
            return serialization.load_pem_private_key(content, password=None)
        return serialization.load_pem_public_key(content)
    except OSError as error:
        raise BadKey(f"{source} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError):  # the cause might quote the key
        kind = "private" if private else "public"
        raise BadKey(f"{_name(source)} is not a {kind} key in PEM without a password.") from None


def _is_content(source: str | Path) -> bool:
    return str(source).lstrip().startswith(PEM)


def _name(source: str | Path) -> str:
    return "The given text" if _is_content(source) else str(source)


def _statement(files: Mapping[str, bytes], *, name: str) -> Mapping[str, Any]:
    digests = {file: hashlib.sha256(content).digest() for file, content in sorted(files.items())}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": _root(digests.values())}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [SIGNATURE],
            },
            "resources": [
                {"name": file, "digest": digest.hex(), "algorithm": "sha256"}
                for file, digest in digests.items()
            ],
        },
    }


def _checksums(statement: Mapping[str, Any]) -> Mapping[str, str]:
    resources = statement["predicate"]["resources"]
    checksums = {item["name"]: item["digest"] for item in resources if item["algorithm"] == "sha256"}
    root = _root(bytes.fromhex(item["digest"]) for item in resources)
    is_consistent = statement["subject"][0]["digest"]["sha256"] == root and len(checksums) == len(resources)
    if statement["predicateType"] != PREDICATE_TYPE or not is_consistent:
        raise ValueError(statement["predicateType"])
    return checksums


def _root(digests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _encoded(payload: bytes) -> bytes:
    """Encode a payload as DSSE signs it (pre-authentication encoding)."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _hint(key: "EllipticCurvePublicKey") -> str:
    from cryptography.hazmat.primitives import serialization

    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(encoding, form)).hexdigest()
