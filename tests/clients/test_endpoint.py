"""Certificates as a real TLS server shows them and as files keep them; ports that nobody listens on."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cxlib.clients import endpoint
from cxlib.errors import ConfigError, Unreachable

ENDS = datetime.now(UTC).replace(microsecond=0) + timedelta(days=12)


def certificate(name: str) -> tuple[bytes, bytes]:
    """A certificate that ends in twelve days, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ENDS - timedelta(days=30))
        .not_valid_after(ENDS)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    kept = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem), kept


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A TLS server on loopback."""
    for name, pem in zip(("crt", "key"), certificate("server"), strict=True):
        (tmp_path / name).write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            plain, _ = listening.accept()
            with context.wrap_socket(plain, server_side=True) as held:
                held.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        yield int(listening.getsockname()[1])


def test_certificate_that_a_server_shows_is_read_without_trusting_it(port: int) -> None:
    """An API server that shows an expired one must be told of, not refused."""
    shown = endpoint.shown("127.0.0.1", port)
    assert (shown.subject, shown.ends) == ("CN=server", ENDS)


def test_every_certificate_of_a_file_is_read() -> None:
    """A file holds a chain, and the first that ends breaks it."""
    both = certificate("one")[0] + certificate("two")[0]
    assert [c.subject for c in endpoint.certificates("x.crt", both)] == ["CN=one", "CN=two"]


def test_file_without_a_certificate_is_an_error() -> None:
    """Nothing found must not mean that nothing ends."""
    with pytest.raises(Unreachable, match=r"x\.crt"):
        endpoint.certificates("x.crt", b"none")


def test_kubeconfig_tells_its_server_and_its_certificates(tmp_path: Path) -> None:
    """With which we identify ourselves, and which ends like any other; a token has no end to read."""
    data = base64.b64encode(certificate("admin")[0]).decode()
    path = tmp_path / "kubeconfig"
    cluster = {"cluster": {"server": "https://127.0.38.1:6443"}}
    for user, subjects in ({"client-certificate-data": data}, ["CN=admin"]), ({"token": "x"}, []):
        path.write_text(yaml.safe_dump({"clusters": [cluster], "users": [{"user": user}]}))
        assert [c.subject for c in endpoint.client_certificates(path)] == subjects
    assert endpoint.of_kubeconfig(path) == ("127.0.38.1", 6443)


@pytest.mark.parametrize("text", ["", "[]", "clusters: []", "clusters: [{cluster: {}}]", "{"])
def test_broken_kubeconfig_is_told_with_its_path(tmp_path: Path, text: str) -> None:
    """A person has to know which file to mend."""
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ConfigError, match="kubeconfig"):
        endpoint.of_kubeconfig(path)


def test_port_that_nobody_listens_on_is_told_at_once() -> None:
    """The Kubernetes client would try for long."""
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        endpoint.require("127.0.0.1", 9, within=1)
