"""The relay's certificate."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from relay_widget.errors import RelayStartError

if TYPE_CHECKING:
    from pathlib import Path


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """What to serve TLS with (1.2 or newer); None if neither is given.

    Args:
        certificate: A PEM file: the certificate, then those that lead to its issuer.
        key: A PEM file: its private key, not encrypted.

    Raises:
        RelayStartError: ``tls``.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise _error("TLS needs a certificate and its key: give both --tls-cert and --tls-key.")
    for path in (certificate, key):
        try:
            path.open("rb").close()
        except OSError as error:
            raise _error(
                f"{path} cannot be read ({error.strerror}): give a PEM file that this user may read."
            ) from error
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=str)  # an empty one, lest OpenSSL ask the terminal for it
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _error(f"{key} is not the key of {certificate}: give the two that were made together.") from error
        raise _error(
            f"{certificate} and {key} are not a certificate and its key: give PEM files, the key not encrypted."
        ) from error
    return context


def _error(message: str) -> RelayStartError:
    return RelayStartError("tls", message)
