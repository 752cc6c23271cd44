"""TLS toward the target: whom to trust, who we are, and what a failure means to whoever reads it."""

from __future__ import annotations

import ssl

from conformance.core.errors import UsageProblem
from conformance.target.profile import Profile

WANTS_OURS = "Does it want a client certificate? Give tls.certificate in the profile"


def tls_context(profile: Profile, *, protocols: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Return the TLS settings of the profile: the system's authorities, or a file's, or none.

    ``protocols`` are offered by ALPN, in this order; HTTP/1.1 alone needs none.

    Raises:
        UsageProblem: a file of authorities, or of the client's certificate, cannot be used.

    """
    try:
        context = ssl.create_default_context(cafile=str(profile.ca_file) if profile.ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise UsageProblem(f"--ca-file {profile.ca_file}: {_unusable(error)}.") from None
    if profile.certificate is not None:
        try:
            context.load_cert_chain(profile.certificate, profile.key)
        except (OSError, ssl.SSLError) as error:
            files = profile.certificate if profile.key is None else f"{profile.certificate} and {profile.key}"
            raise UsageProblem(f"tls.certificate {files}: {_unusable(error)}.") from None
    if profile.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def _unusable(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no certificate in PEM form can be read from it ({error.reason or error})"
    return str(error.strerror or error)


def why_refused(error: OSError) -> str:
    """Return why a connection could not be made, and for TLS what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message.rstrip('.')}). {_remedy(error)}"
    if isinstance(error, ssl.SSLError):
        return f"the TLS handshake failed ({error.reason or error}). Does this port speak TLS?"
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        # A refusal is another class; what ends after it was accepted ends in the TLS handshake.
        return "it ended during the TLS handshake. Does this port speak TLS?"
    if isinstance(error, TimeoutError):
        return "timed out"
    return str(error.strerror or error)


def _remedy(error: ssl.SSLCertVerificationError) -> str:
    """Return what to do about a certificate, by OpenSSL's code of what is wrong with it."""
    match error.verify_code:
        case 62 | 64:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            return "Name the server in the URL as its certificate does, or verify nothing with --insecure"
        case 9 | 10:  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
            return "Renew the certificate or set the clock right, or verify nothing with --insecure"
    return "Trust its authority with --ca-file=FILE, or verify nothing with --insecure"
