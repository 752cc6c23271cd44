"""Which web pages may connect."""

from __future__ import annotations

from reference_server import origin, server
from tests.defects.registry import around, chapter

TESTS = "auth/test_origin.py"
defect = chapter(TESTS, "auth/test_no_token.py")


def pages(change):
    """Change which Origin headers are looked at."""

    @around(server, "check_origin")
    def check_origin(original, headers, authority, allowed):
        given = headers.get_all("Origin")
        changed = change(given, headers)
        if changed != given:
            del headers["Origin"]
            for value in changed:
                headers["Origin"] = value
        return original(headers, authority, allowed)


ALLOWED = "https://app.example"


@defect("auth.origin-allowed", files=(f"{TESTS}::test_allowed_origins_are_accepted",))
def allows_no_page_but_its_own() -> None:
    pages(lambda given, _: ["null" if one == ALLOWED else one for one in given])


@defect("auth.origin-refused")
def takes_the_dot_of_an_origin_for_any_character() -> None:
    pages(lambda given, _: [one.replace("appxexample", "app.example") for one in given])


@defect("auth.origin-refused", companions={"auth.cookie-origin": "a cookie is believed on the pages allowed"})
def compares_the_begin_of_an_origin() -> None:
    pages(lambda given, _: [ALLOWED if one.startswith(ALLOWED + ".") else one for one in given])


@defect("auth.origin-refused")
def overlooks_the_port_of_an_origin() -> None:
    pages(lambda given, _: [ALLOWED if one.startswith(ALLOWED + ":") else one for one in given])


@defect("auth.origin-refused")
def takes_whatever_begins_with_127_for_this_machine() -> None:
    pages(lambda given, _: [ALLOWED if "://127." in one else one for one in given])


@defect("auth.origin-refused")
def believes_that_a_page_of_the_host_that_is_named_is_its_own() -> None:
    """As servers do that compare Origin with Host, and nothing else."""
    origin.is_own_name = lambda _authority: True


@defect("auth.origin-twice")
def decides_by_the_first_of_two_origins() -> None:
    pages(lambda given, _: given[:1])


@defect(
    "auth.no-origin",
    files=(f"{TESTS}::test_no_origin_is_treated_as_the_profile_says",),
    profile={'no_origin = "accept"': 'no_origin = "refuse"'},
    sample=False,
)
def lets_clients_in_that_have_no_origin() -> None:
    pass  # The reference server does; it is the profile that says that this one must not.


@defect("auth.cookie-origin")
def believes_a_cookie_from_any_page() -> None:
    pages(lambda given, headers: [ALLOWED] if given and "Cookie" in headers else given)
