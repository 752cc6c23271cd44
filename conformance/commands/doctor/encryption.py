"""The TLS layer: whether the certificate is good, and whether both sides mean TLS at all."""

from __future__ import annotations

import asyncio
import ssl

from conformance.commands.doctor.case import Case, line_of
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.chain import Sent, chain_of
from conformance.commands.doctor.findings import Finding, Step, broken, ok
from conformance.net.connection import Connection
from conformance.net.endpoint import Endpoint

# X509_V_ERR_… of OpenSSL's x509_vfy.h.
_CAUSES = {
    9: Cause.TLS_NOT_YET_VALID,
    10: Cause.TLS_EXPIRED,
    18: Cause.TLS_UNKNOWN_CA,
    19: Cause.TLS_UNKNOWN_CA,
    20: Cause.TLS_UNKNOWN_CA,
    21: Cause.TLS_UNKNOWN_CA,
    62: Cause.TLS_WRONG_NAME,
    64: Cause.TLS_WRONG_NAME,
}


async def tls(case: Case) -> Finding | None:
    """Make the TLS handshake.

    Returns:
        The finding; ``None`` where the URL asks for no TLS.

    """
    if not case.url.secure:
        return None
    try:
        connection = await _secured(case, case.target.endpoint.tls)
    except ssl.SSLCertVerificationError as error:
        sent = await asyncio.to_thread(chain_of, case.address, case.url.port, case.url.host, case.timeout)
        return _incomplete(case, error, sent) or _untrusted(case, error)
    except TimeoutError:
        return await _no_tls(case, f"no answer to a TLS handshake within {case.timeout:g} s")
    except OSError as error:
        if wants_certificate(str(getattr(error, "reason", None) or "")):
            return client_certificate(case, f"OpenSSL says: {getattr(error, 'reason', error)}")
        return await _no_tls(case, f"TLS: {getattr(error, 'reason', None) or error.strerror or error}")
    connection.shut()
    checked = "not verified (--insecure)" if case.profile.insecure else "its certificate is trusted"
    return ok("tls", f"TLS is spoken, {checked}")


async def _secured(case: Case, context: ssl.SSLContext | None) -> Connection:
    endpoint = Endpoint(case.url.host, case.url.port, context)
    return await Connection.open(
        endpoint, label="tls", report=case.recorder.breach, timeout=case.timeout, address=case.address
    )


def _inspect(case: Case) -> Step:
    name = f" -servername {case.url.host}" if not _is_address(case.url.host) else ""
    return Step(
        "Look at the certificate",
        f"openssl s_client -connect {case.url.host}:{case.url.port}{name} </dev/null 2>/dev/null "
        "| openssl x509 -noout -subject -issuer -dates -ext subjectAltName",
    )


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def wants_certificate(reason: str) -> bool:
    """Return whether OpenSSL's reason says that the other side wants a certificate, or another one."""
    lowered = reason.lower().replace("_", " ")
    return "certificate required" in lowered or "alert bad certificate" in lowered


def client_certificate(case: Case, evidence: str) -> Finding:
    """Return the finding of a server that wants a certificate of the client."""
    given = case.profile.certificate is not None
    return broken(
        "tls",
        Cause.TLS_CLIENT_CERTIFICATE,
        "The server wants a certificate of the client, and "
        + ("does not accept the one of the profile." if given else "none was given."),
        evidence=(case.clean(evidence),),
        steps=(
            Step('Give one in a profile: [tls] certificate = "client.pem", key = "client.key".'),
            Step(
                "See which authorities it accepts",
                f"openssl s_client -connect {case.url.host}:{case.url.port} </dev/null 2>/dev/null "
                "| sed -n '/Acceptable client certificate/,/Requested/p'",
            ),
        ),
    )


def _incomplete(case: Case, error: ssl.SSLCertVerificationError, sent: Sent | None) -> Finding | None:
    """Return the finding of a chain whose intermediate certificate was not sent."""
    if _CAUSES.get(error.verify_code) != Cause.TLS_UNKNOWN_CA or sent is None or not sent.stops_short:
        return None
    if sent.issuer_trusted(case.target.endpoint.tls):
        return None
    evidence = (
        f"OpenSSL says: {case.clean(error.verify_message)}",
        *(f"sent: {case.clean(one)}" for one in sent.lines),
    )
    issuer = case.clean(sent.last_issuer)
    full = Step(
        "Send the full chain: the server's certificate file holds the leaf first, then each intermediate "
        "(nginx: ssl_certificate fullchain.pem; Python: load_cert_chain('fullchain.pem'))."
    )
    look = Step(
        "See what is sent",
        f"openssl s_client -connect {case.url.host}:{case.url.port} -showcerts </dev/null",
    )
    trust = Step(
        f"If {issuer} is a root of your own, trust it", f"conformance doctor {case.bare()} --ca-file CA.pem"
    )
    if case.profile.ca_file is None:
        return broken(
            "tls",
            Cause.TLS_UNKNOWN_CA,
            f"The server's certificate was issued by {issuer}, whose own certificate is neither sent nor "
            "trusted here. Either that is an intermediate authority and the server does not send the full "
            "chain, or it is a root of your own.",
            evidence=evidence,
            steps=(look, full, trust),
        )
    return broken(
        "tls",
        Cause.TLS_INCOMPLETE_CHAIN,
        f"The chain of certificates is incomplete: {sent.count} sent, and no certificate of its issuer "
        f"({issuer}). Browsers may find it elsewhere; scripts and phones do not.",
        evidence=evidence,
        steps=(full, look),
    )


def _untrusted(case: Case, error: ssl.SSLCertVerificationError) -> Finding:
    cause = _CAUSES.get(error.verify_code, Cause.TLS_UNTRUSTED)
    what = {
        Cause.TLS_EXPIRED: "has expired. Clients refuse it",
        Cause.TLS_NOT_YET_VALID: "is not valid yet. Clients refuse it, or this machine's clock is wrong",
        Cause.TLS_WRONG_NAME: f"is not for the name {case.url.host}",
        Cause.TLS_UNKNOWN_CA: "comes from an authority that is not trusted here",
        Cause.TLS_UNTRUSTED: "is not accepted",
    }[cause]
    fix = {
        Cause.TLS_EXPIRED: Step("Renew the certificate and reload the server."),
        Cause.TLS_NOT_YET_VALID: Step("Compare the clocks of both machines", "date -u"),
        Cause.TLS_WRONG_NAME: Step("Use a name that the certificate holds, or issue one for this name."),
    }.get(
        cause, Step("Trust the authority's certificate", f"conformance doctor {case.bare()} --ca-file CA.pem")
    )
    return broken(
        "tls",
        cause,
        f"The server's certificate {what}.",
        evidence=(f"OpenSSL says: {case.clean(error.verify_message)}",),
        steps=(_inspect(case), fix),
    )


async def _no_tls(case: Case, evidence: str) -> Finding:
    case.target.endpoint.tls = None
    plain = await case.ask(case.plainly())
    if plain is not None and plain.response is not None:
        return broken(
            "tls",
            Cause.TLS_PLAIN_PORT,
            f"TLS was asked for (wss), but port {case.url.port} speaks plain HTTP.",
            evidence=(case.clean(evidence), f"a plain GET is answered {case.clean(line_of(plain))}"),
            steps=(
                Step("Use ws:// here", f"conformance doctor {case.bare(secure=False)}"),
                Step("Or the port of the proxy that ends TLS, usually 443."),
            ),
        )
    return broken(
        "tls",
        Cause.TLS_FAILED,
        f"No TLS connection can be made to port {case.url.port}.",
        evidence=(case.clean(evidence),),
        steps=(
            Step(
                "See how far the handshake comes",
                f"openssl s_client -connect {case.url.host}:{case.url.port} </dev/null",
            ),
        ),
    )


async def speaks_tls(case: Case) -> str:
    """Return what shows that a port which was taken for plain speaks TLS, or an empty string."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        connection = await _secured(case, context)
    except OSError:
        return ""
    connection.shut()
    return "a TLS handshake on the same port succeeds"


def needs_tls(case: Case, evidence: tuple[str, ...]) -> Finding:
    """Return the finding of a TLS port that was asked for plain HTTP."""
    return broken(
        "tls",
        Cause.TLS_NEEDED,
        f"Plain HTTP was asked for (ws), but port {case.url.port} speaks TLS.",
        evidence=evidence,
        steps=(Step("Use wss://", f"conformance doctor {case.bare(secure=True)}"),),
    )
