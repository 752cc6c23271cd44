"""WebSockets of a Firefox, as far as WebDriver BiDi tells of them.

Of a handshake it tells request, answer and failure (``network.*``); of frames it tells nothing. So a script
that runs before the page's own wraps ``WebSocket`` and says what the page's script sends and sees
(``script.addPreloadScript``). Workers are out of its reach.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

# What is longer is cut again, behind the search for secrets; see `conformance.browser.witness`.
PRELOAD = """
tell => {
  const shown = data => {
    if (typeof data === 'string') return data.slice(0, 4096);
    if (data instanceof Blob) return `${data.size} bytes in a Blob`;
    const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
    const hex = Array.from(bytes.slice(0, 200), one => one.toString(16).padStart(2, '0')).join('');
    return `${bytes.length} bytes ${hex}`;
  };
  const realm = Math.random();
  const Own = window.WebSocket;
  let count = 0;
  window.WebSocket = class WebSocket extends Own {
    #say;
    constructor(...given) {
      super(...given);
      const socket = `${realm} ${++count}`;
      this.#say = (what, text = '') => tell(JSON.stringify({ socket, url: this.url, what, text }));
      this.#say('opens');
      this.addEventListener('message', e => this.#say('framereceived', shown(e.data)));
      this.addEventListener('close', e => this.#say('close', `${e.code} ${e.reason}`));
    }
    send(data) {
      this.#say('framesent', shown(data));
      super.send(data);
    }
  };
}
"""


class Listeners:
    """Who wants to hear of what."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[Any], None]]] = defaultdict(list)

    def on(self, event: str, listener: Callable[[Any], None]) -> None:
        """Tell this listener of each such event."""
        self._listeners[event].append(listener)

    def once(self, event: str, listener: Callable[[Any], None]) -> None:
        """Tell this listener of the next such event."""

        def first(about: Any) -> None:
            self._listeners[event].remove(first)
            listener(about)

        self.on(event, first)

    def emit(self, event: str, about: Any) -> None:
        """Tell all that want to hear of it."""
        for one in tuple(self._listeners[event]):
            one(about)


class Socket(Listeners):
    """A WebSocket of a page: its handshake as the browser says it, its messages as script sees them."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.request = ""  # BiDi's name of the handshake, once that was told
        self.script = ""  # the preload script's name of the socket, once that was told


class Sockets:
    """The sockets of a tab. Either half of one may be told first; they are joined by their URL."""

    def __init__(self, opened: Callable[[Socket], None]) -> None:
        self._opened = opened
        self._sockets: list[Socket] = []

    def _half(self, half: str, name: str, url: str) -> Socket:
        for one in self._sockets:
            if getattr(one, half) == name or (one.url == url and not getattr(one, half)):
                break
        else:
            one = Socket(url)
            self._sockets.append(one)
            self._opened(one)
        setattr(one, half, name)
        return one

    def handshake(self, method: str, params: Mapping[str, Any]) -> None:
        """Take what the browser says of a handshake."""
        request = params["request"]
        # Firefox names it by the scheme of HTTP.
        socket = self._half("request", request["request"], f"ws{request['url'].removeprefix('http')}")
        if method == "network.fetchError":
            socket.emit("socketerror", params["errorText"])
        elif method == "network.responseCompleted" and params["response"]["status"] != 101:
            answer = params["response"]
            socket.emit("socketerror", f"HTTP {answer['status']} {answer['statusText']}".rstrip())

    def said(self, told: Mapping[str, str]) -> None:
        """Take what the preload script says of a socket."""
        socket = self._half("script", told["socket"], told["url"])
        if told["what"] != "opens":
            socket.emit(told["what"], told["text"])
