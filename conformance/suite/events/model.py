"""What a server of the permissions protocol must do, as a model without any I/O: Protocol §3 to §5.

A story is a list of steps that users, their connections and a tester take. The world knows, behind each
step, which announcements every open connection has to get, in order and once, what check_permission says,
and as whom a connection is confirmed. It never waits and never asks the server.

Ideas are drawn blindly, as three small numbers; :func:`tell` makes a story of those that can happen, and so a
story stays one when any idea is taken away. Only real changes are made: nothing is granted twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

ANONYMOUS = "anonymous"
NOTHING = "nothing"  # the idea that every other one shrinks to
LETTERS = "ABCDE"
PERMISSIONS = ("reports.view", "reports.edit", "users.delete")
BURNS = {
    "revoke-token": "{}'s token is revoked",
    "expire-token": "{}'s token expires",
    "deactivate-user": "{} is deactivated",
}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who may play: users by name, whether anonymous may, and the user whose token may be burned."""

    users: tuple[str, ...]
    anonymous: bool = True
    burnable: str | None = None

    @property
    def visitors(self) -> tuple[str, ...]:
        """Everybody who may open a connection."""
        return (*self.users, ANONYMOUS) if self.anonymous else self.users


@dataclass(frozen=True, slots=True)
class Idea:
    """What could happen next: a verb, who does it or whom it concerns, and which one of several.

    A change that is made ``swift`` is followed by the next step before anything is read.
    """

    verb: str
    who: int = 0
    which: int = 0
    swift: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """One announcement: its event, the user whom it concerns (``None`` for all), and what it is about."""

    event: str
    user: str | None
    subject: str
    granted: bool = True

    def __str__(self) -> str:
        """Describe the announcement in a word."""
        told = f"{self.subject}, {'granted' if self.granted else 'revoked'}"
        return f"{self.event}({told if self.event == 'permission_changed' else self.subject})"


@dataclass(frozen=True, slots=True)
class ModelStep:
    """One step of a story: who does what on which connection, and the change that it makes if it does."""

    verb: str
    user: str = ""
    connection: str = ""
    subject: str = ""
    news: News | None = None
    swift: bool = False

    def __str__(self) -> str:
        """Tell the step."""
        user, name, subject = self.user, self.connection, self.subject
        text = {
            "open": f"{user} opens {name}" + (" by user id" if subject else ""),
            "begin": f"{user} begins to open {name}: the handshake is sent, its answer not yet read",
            "dawdle": f"{user} begins to open {name}: half of the handshake is sent",
            "finish": f"{name} is opened to its end",
            "close": f"{user} closes {name}",
            "break": f"{user}'s {name} breaks (RST)",
            "greet": f"{user} says connect on {name}, as somebody else",
            "check": f"{user} asks on {name} for {subject}",
            "grant": f"{user} is granted {subject}",
            "revoke": f"{user} loses {subject}",
            "roles": f"{user} gets the roles {subject}",
            "menus": f"{user} gets the menus {subject}",
            "cache": f"{user}'s cache {subject} is invalidated",
            "cache-all": f"everybody's cache {subject} is invalidated",
        }.get(self.verb) or BURNS[self.verb].format(user)
        return f"{text}, and at once:" if self.swift else text


@dataclass(slots=True)
class Channel:
    """A connection as the model sees it."""

    user: str
    open: bool = False
    due: list[News] = field(default_factory=list)
    maybe: list[News] = field(default_factory=list)  # what was made while it was on its way in


@dataclass(slots=True)
class World:
    """All that is so at one moment of a story."""

    cast: Cast
    granted: set[tuple[str, str]] = field(default_factory=set)
    burned: set[str] = field(default_factory=set)
    channels: dict[str, Channel] = field(default_factory=dict)
    used: int = 0

    @property
    def open(self) -> list[str]:
        """The open connections."""
        return [name for name, one in self.channels.items() if one.open]

    def allowed(self, user: str, permission: str) -> bool:
        """Whether check_permission must say so on a connection of this user."""
        return (user, permission) in self.granted

    # From an idea to a step.

    def step(self, idea: Idea) -> ModelStep | None:
        """Return the step that an idea is now, or ``None`` where it cannot happen or would change nothing."""
        if idea.verb == NOTHING:
            return None
        make = {
            "open": self._opening, "begin": self._opening, "dawdle": self._opening,
            "grant": self._permission, "revoke": self._permission, "roles": self._change,
            "menus": self._change, "cache": self._change, "cache-all": self._change,
            **dict.fromkeys(BURNS, self._burning),
        }.get(idea.verb, self._using)  # fmt: skip
        return make(idea)

    def _user(self, idea: Idea) -> str:
        return self.cast.users[idea.who % len(self.cast.users)]

    def _opening(self, idea: Idea) -> ModelStep | None:
        user = self.cast.visitors[idea.who % len(self.cast.visitors)]
        free = [letter for letter in LETTERS if letter not in self.channels]
        by_id = "id" if idea.verb == "open" and idea.which == 1 and user != ANONYMOUS else ""
        return ModelStep(idea.verb, user, free[0], by_id) if free else None

    def _using(self, idea: Idea) -> ModelStep | None:
        wanted = [name for name, one in self.channels.items() if one.open is (idea.verb != "finish")]
        if not wanted:
            return None
        name = wanted[idea.who % len(wanted)]
        user = self.channels[name].user
        subject = PERMISSIONS[idea.which % len(PERMISSIONS)] if idea.verb == "check" else ""
        return ModelStep(idea.verb, user, name, subject)

    def _permission(self, idea: Idea) -> ModelStep | None:
        granted = idea.verb == "grant"
        every = [(user, permission) for user in self.cast.users for permission in PERMISSIONS]
        possible = [one for one in every if (one in self.granted) is not granted]
        if not possible:
            return None
        wanted = (self._user(idea), PERMISSIONS[idea.which % len(PERMISSIONS)])
        user, subject = wanted if wanted in possible else possible[idea.who % len(possible)]
        news = News("permission_changed", user, subject, granted)
        return ModelStep(idea.verb, user, "", subject, news, idea.swift)

    def _change(self, idea: Idea) -> ModelStep:
        subject = str(self.used + 1)  # a name that was never given before: always a real change
        event, user = {
            "roles": ("role_updated", self._user(idea)),
            "menus": ("menu_access_updated", self._user(idea)),
            "cache": ("cache_invalidated", self._user(idea)),
            "cache-all": ("cache_invalidated", None),
        }[idea.verb]
        return ModelStep(idea.verb, user or "", "", subject, News(event, user, subject), idea.swift)

    def _burning(self, idea: Idea) -> ModelStep | None:
        user = self.cast.burnable
        return ModelStep(idea.verb, user) if user is not None and user not in self.burned else None

    def possible(self, step: ModelStep) -> bool:
        """Whether a step that was told elsewhere can happen here."""
        channel = self.channels.get(step.connection)
        if step.verb in {"grant", "revoke"}:
            return ((step.user, step.subject) in self.granted) is (step.verb == "revoke")
        if step.verb in BURNS:
            return step.user not in self.burned
        if step.verb in {"open", "begin", "dawdle"}:
            return channel is None
        if not step.connection:
            return True
        return channel is not None and channel.user == step.user and channel.open is (step.verb != "finish")

    # What a step does to the world.

    def take(self, step: ModelStep) -> None:
        """Change the world as a step does."""
        if step.verb in {"open", "begin", "dawdle"}:
            self.channels[step.connection] = Channel(step.user)
        if step.verb in {"open", "finish"}:
            # A burned token opens nothing; and who cannot be let in is not looked at any more.
            if step.user in self.burned:
                del self.channels[step.connection]
            else:
                self.channels[step.connection].open = True
        elif step.verb in {"close", "break"}:
            del self.channels[step.connection]
        elif step.verb in {"grant", "revoke"}:
            (self.granted.add if step.verb == "grant" else self.granted.discard)((step.user, step.subject))
        elif step.verb in BURNS:
            self.burned.add(step.user)
            # Whether its open connections are closed is a requirement of its own.
            self.channels = {name: one for name, one in self.channels.items() if one.user != step.user}
        if step.news is not None:
            self.used += 1
            for one in self.channels.values():
                if concerned(one.user, step.news):
                    (one.due if one.open else one.maybe).append(step.news)


def concerned(user: str, news: News) -> bool:
    """Whether an announcement is for the connections of a user."""
    return news.user is None or news.user == user


def tell(ideas: Iterable[Idea], cast: Cast) -> tuple[ModelStep, ...]:
    """Make a story of what can happen, in this order."""
    world = World(cast)
    story = []
    for idea in ideas:
        step = world.step(idea)
        if step is not None:
            world.take(step)
            story.append(step)
    return tuple(story)


def without(story: tuple[ModelStep, ...], begin: int, end: int, cast: Cast) -> tuple[ModelStep, ...]:
    """Return a story without some of its steps, and without those that could not happen then."""
    world = World(cast)
    left = []
    for step in story[:begin] + story[end:]:
        if world.possible(step):
            world.take(step)
            left.append(step)
    return tuple(left)


def told(story: Iterable[ModelStep]) -> list[str]:
    """Return a story as numbered lines."""
    return [f"{number}. {step}" for number, step in enumerate(story, 1)]
