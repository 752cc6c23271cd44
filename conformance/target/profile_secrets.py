"""What of a profile is secret."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conformance.core.masking import Secret, named, secretive
from conformance.target.profile import Profile
from conformance.target.secret_values import of_headers, of_url, of_words


def of_profile(profile: Profile) -> Iterator[Secret]:
    """Yield every secret of a profile: tokens first, which a script knows by the user's name."""
    users = {one.token: name for name, one in profile.credentials.items()}
    bad = {token: f"bad_{name}" for name, token in profile.bad_tokens.items()}
    for token, name in {**bad, **users}.items():
        if token:
            yield Secret(token, variable=re.sub(r"[^A-Z0-9_]", "_", f"{name}_token".upper()))
    for url in (profile.url, *profile.nodes, profile.echo, profile.control_http):
        yield from of_url(url or "")
    yield from of_headers(profile.headers)
    for words in (profile.control_command, profile.start, *profile.prepare):
        yield from of_words(words)
    yield from named(((name, value) for name, value in profile.env.items() if secretive(name)), "env")
