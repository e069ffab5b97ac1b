"""How a Java child process reaches the network: through the same certificates and proxy as Python and pip do."""

import os
import secrets
import ssl
import warnings
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")


def network_options(folder: Path, url: str) -> list[str]:
    """Java options for reaching `url`: the machine's trusted certificates (written to `folder`) and its proxy."""
    return [*trust_options(folder), *proxy_options(url)]


def trust_options(folder: Path) -> list[str]:
    """Have Java trust what this machine trusts: a company's own authority is in the system's bundle, not in Java's."""
    certificates = read_certificates()
    if not certificates:
        return []
    store = folder / "trusted.p12"
    # Java opens no trust store without a password; this one guards public certificates, for one child process.
    password = secrets.token_hex(16)
    store.write_bytes(build_store(certificates, password))
    return [
        f"-Djavax.net.ssl.trustStore={store}",
        f"-Djavax.net.ssl.trustStorePassword={password}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
    ]


def read_certificates() -> list[bytes]:
    """Read the trusted authorities (DER): the bundles named for Python and pip, else the system's own."""
    context = ssl.create_default_context()
    for name in BUNDLE_VARIABLES:
        bundle = os.environ.get(name, "")
        if bundle and Path(bundle).is_file():
            context.load_verify_locations(cafile=bundle)
    return context.get_ca_certs(binary_form=True)


def build_store(certificates: list[bytes], password: str) -> bytes:
    """Pack certificates (DER) into the PKCS12 form that Java reads as a trust store."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
    from cryptography.x509 import load_der_x509_certificate

    entries = []
    for number, certificate in enumerate(certificates):
        try:
            with warnings.catch_warnings():
                # Some old authorities break today's encoding rules; which ones is nothing a user can mend.
                warnings.simplefilter("ignore")
                loaded = load_der_x509_certificate(certificate)
        except ValueError:
            continue
        entries.append(pkcs12.PKCS12Certificate(loaded, f"authority-{number}".encode()))
    return pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(password.encode()))


def proxy_options(url: str) -> list[str]:
    """Say HTTPS_PROXY in Java's words; nothing when there is none or NO_PROXY covers the host."""
    target = urlsplit(url)
    proxy = urlsplit(getproxies().get(target.scheme, ""))
    if not proxy.hostname or not target.hostname or proxy_bypass(target.hostname):
        return []
    scheme = target.scheme
    return [f"-D{scheme}.proxyHost={proxy.hostname}", f"-D{scheme}.proxyPort={proxy.port or 80}"]
