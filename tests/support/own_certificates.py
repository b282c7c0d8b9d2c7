"""Certificates of the tests' own, which live in memory: one that a client of the tests trusts, and ones that nobody does."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("example.org", "*.example.org", "other.example", "*.icloud.com")


@cache
def server_context() -> ssl.SSLContext:
    """For a server that has a certificate for NAMES, signed by itself."""
    return _context(_trusted())


@cache
def client_context() -> ssl.SSLContext:
    """For a client that trusts server_context() and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=_trusted().partition("-----BEGIN PRIVATE")[0])
    return context


def distrusted_context() -> ssl.SSLContext:
    """For a server on this machine whose certificate nobody trusts, made anew each time."""
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
    return _context(_self_signed(here))


@cache
def _trusted() -> str:
    return _self_signed([x509.DNSName(name) for name in NAMES])


def _self_signed(names: list[x509.GeneralName]) -> str:
    """A certificate and behind it its private key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests of Lectern")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (certificate.public_bytes(serialization.Encoding.PEM) + private).decode()


def _context(pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_text(pem, encoding="ascii")
        context.load_cert_chain(path)
    return context
