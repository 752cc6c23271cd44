"""The server's certificate, as browsers judge it: RFC 9525, Protocol §8.

The other tests of this chapter verify nothing where the profile names authorities of its own, so that a
certificate that browsers refuse is found here, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from playwright.async_api import Browser

from conformance.browser.authorities import certificates
from conformance.browser.finding import found
from conformance.browser.fixtures import launched
from conformance.browser.script import ScriptSocket, open_socket, serve
from conformance.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.suite.browser.pages import allowed_origin, url_of, with_close
from conformance.target.target import Target

ATTEMPTS = 3


def address(target: Target) -> str:
    """Return the URL that script opens: the probed endpoint, with a token where one is needed."""
    token = target.default_token
    path = target.path.partition("?")[0]
    return url_of(target, path + (f"?token={quote(token, safe='')}" if token else ""))


async def prove_raw(target: Target) -> None:
    """Prove that a raw client gets in that verifies the certificate as the profile says.

    Raises:
        Inconclusive: it does not.

    """
    attempt = await target.attempt(
        target.opening(
            target.path.partition("?")[0],
            token=target.default_token,
            carrier="query",
            origin=allowed_origin(target),
        )
    )
    attempt.connection.shut()
    if not attempt.upgraded:
        raise Inconclusive(f"the raw twin got {attempt}: see the chapter protocol")


@contextlib.asynccontextmanager
async def strict(browser: Browser, target: Target) -> AsyncIterator[ScriptSocket]:
    """Open a socket in a context that verifies certificates, and wait until it is open or closed."""
    context = await browser.new_context(ignore_https_errors=False)
    try:
        page = await context.new_page()
        await serve(page, allowed_origin(target))
        socket = await open_socket(page, address(target))
        if await socket.until("open", target.limits.handshake) is None:
            await with_close(socket, target)
        yield socket
    finally:
        await context.close()


def opened(socket: ScriptSocket) -> bool:
    """Whether a socket opened."""
    return any(seen.kind == "open" for seen in socket.seen)


async def own_certificate(target: Target) -> bytes:
    """Return the certificate that the server shows, in DER form."""
    endpoint = target.endpoint
    _, writer = await asyncio.wait_for(
        asyncio.open_connection(
            endpoint.host, endpoint.port, ssl=endpoint.tls, server_hostname=endpoint.server_name
        ),
        target.limits.handshake,
    )
    writer.close()
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    return tls.getpeercert(binary_form=True) or b""


def need_tls(target: Target) -> None:
    """Go on where the server speaks TLS and asks for no certificate of the client.

    Raises:
        NotApplicable: it does not.

    """
    if not target.url.secure:
        raise NotApplicable("the target speaks no TLS")
    if target.profile.certificate is not None:
        raise NotApplicable("a certificate of the client is shown (tls.certificate), which no browser has")


@pytest.mark.requirement("browser.certificate")
async def test_browser_that_knows_the_authority_opens_a_socket(browser: Browser, target: Target) -> None:
    need_tls(target)
    profile, name = target.profile, browser.browser_type.name
    if profile.insecure:
        raise NotApplicable("nothing is verified (--insecure): name its authorities with --ca-file=FILE")
    await prove_raw(target)
    async with contextlib.AsyncExitStack() as stack:
        knowing = browser
        if profile.ca_file is not None:
            if await own_certificate(target) in certificates(profile.ca_file.read_text("utf-8", "replace")):
                raise NotApplicable("the certificate is its own authority, as browsers have none")
            executable = found(name)
            assert executable is not None, "it runs already"
            knowing = await stack.enter_async_context(launched(name, executable, profile.ca_file))
        socket = await stack.enter_async_context(strict(knowing, target))
        if opened(socket):
            target.recorder.observe(f"{name}: opened")
            return
        if socket.stranger:
            raise Inconclusive(f"{name} does not know the authority that a raw client trusts: {socket}")
        raise Nonconformance(
            "a browser that knows its authority does not take the certificate, while a raw client does",
            expected=["open"],
            actual=f"{name}: {socket}",
        )


@pytest.mark.requirement("browser.untrusted-certificate")
async def test_browser_that_does_not_know_the_authority_harms_nobody(
    browser: Browser, target: Target
) -> None:
    need_tls(target)
    name = browser.browser_type.name
    await prove_raw(target)
    bystander = await target.bystander()
    for _ in range(ATTEMPTS):
        async with strict(browser, target) as socket:
            if opened(socket):
                raise NotApplicable(f"{name} knows the authority of the certificate by itself")
            if not socket.untrusted:
                raise Inconclusive(f"{name} does not say that it is the certificate: {socket}")
    target.recorder.observe(f"{name}: {socket}")
    try:
        await bystander.ping()
        await prove_raw(target)
    except (Nonconformance, Inconclusive) as harmed:
        raise Nonconformance(
            f"after a browser broke off {ATTEMPTS} TLS handshakes, others are not served as before",
            expected=["a connection opened before answers a Ping", "a new connection is upgraded"],
            actual=getattr(harmed, "actual", "") or str(harmed),
        ) from None
