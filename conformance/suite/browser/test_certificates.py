"""The server's certificate, as browsers judge it: RFC 9525, Protocol §8.

The pages of the other tests verify nothing where the profile names authorities of its own, so that a
certificate that browsers refuse is found here, once.
"""

from __future__ import annotations

import asyncio
import ssl

import pytest
from playwright.async_api import Browser

from conformance.browser.authorities import certificates
from conformance.browser.keeper import Keeper
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.suite.browser.strict import opened, prove_raw, strict
from conformance.target.target import Target

ATTEMPTS = 3


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
async def test_browser_that_knows_the_authority_opens_a_socket(
    keeper: Keeper, browser: Browser, target: Target
) -> None:
    need_tls(target)
    profile, name = target.profile, keeper.name
    if profile.insecure:
        raise NotApplicable("nothing is verified (--insecure): name its authorities with --ca-file=FILE")
    await prove_raw(target)
    if profile.ca_file is not None:
        if await own_certificate(target) in certificates(profile.ca_file.read_text("utf-8", "replace")):
            raise NotApplicable("the certificate is its own authority, as browsers have none")
        if keeper.distrusts:
            raise NotApplicable(keeper.distrusts)
    async with strict(browser, target) as socket:
        if opened(socket):
            target.recorder.observe(f"{name}: opened")
        elif socket.stranger:
            raise Inconclusive(f"{name} does not know the authority that a raw client trusts: {socket}")
        else:
            raise Nonconformance(
                "a browser that knows its authority does not take the certificate, while a raw client does",
                expected=["open"],
                actual=f"{name}: {socket}",
            )


@pytest.mark.requirement("browser.untrusted-certificate")
async def test_browser_that_does_not_know_the_authority_harms_nobody(keeper: Keeper, target: Target) -> None:
    need_tls(target)
    name = keeper.name
    await prove_raw(target)
    bystander = await target.bystander()
    async with keeper.stranger() as browser:
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
