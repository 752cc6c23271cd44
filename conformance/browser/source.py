"""What the pages under test are made of: their scripts.

What happens to a socket is kept until the test asks for it; all that waits is handed over at once. The page
shows the same to a person, as a screenshot needs it: kinds, codes and sizes, and no content.
"""

from __future__ import annotations

import json

SOCKET = """
const fresh = (url, protocols, keep) => {
  const socket = protocols.length ? new WebSocket(url, protocols) : new WebSocket(url);
  const hex = bytes => Array.from(bytes, one => one.toString(16).padStart(2, '0')).join('');
  const binary = buffer => keep({
    kind: 'binary', size: buffer.byteLength, content: hex(new Uint8Array(buffer.slice(0, 4096))),
  });
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => keep({ kind: 'open', protocol: socket.protocol, extensions: socket.extensions });
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') keep({ kind: 'message', text: data });
    else if (data instanceof Blob) data.arrayBuffer().then(binary);
    else binary(data);
  };
  socket.onerror = () => keep({ kind: 'error' });
  socket.onclose = e => keep({ kind: 'close', code: e.code, reason: e.reason, clean: e.wasClean });
  return socket;
};
"""
# A worker, a service worker or a frame opens the socket that it is told to, and tells what happens to it.
ELSEWHERE = (
    SOCKET
    + """
onmessage = e => {
  const teller = e.source || self;
  self.held = fresh(e.data.url, e.data.protocols, entry => teller.postMessage(entry, { targetOrigin: '*' }));
};
"""
)
SCRIPT = (
    f"const ELSEWHERE = {json.dumps(ELSEWHERE)};"
    + SOCKET
    + """
window.sockets = [];
const show = (number, { kind, code, text, size }) => {
  const line = document.createElement('li');
  line.textContent = `socket ${number + 1}: ${kind} ${code ?? text?.length ?? size ?? ''}`;
  document.querySelector('ol')?.append(line);
};
const told = () => {
  const seen = { log: [], wake: () => {} };
  const number = window.sockets.push(seen) - 1;
  seen.keep = entry => { seen.log.push(entry); show(number, entry); seen.wake(); };
  return [seen, number];
};
const connectAgain = (seen, url, protocols, pause = 50) => {
  seen.socket = fresh(url, protocols, entry => {
    if (entry.kind === 'open') pause = 50;
    if (entry.kind === 'close') {
      setTimeout(() => connectAgain(seen, url, protocols, Math.min(2 * pause, 400)), pause);
    }
    seen.keep(entry);
  });
};
const within = (element, attributes) => {
  const made = Object.assign(document.createElement(element), attributes);
  return new Promise(loaded => {
    made.onload = () => loaded(made.contentWindow);
    document.body.append(made);
  });
};
window.begin = async (where, url, protocols) => {
  const [seen, number] = told();
  const order = { url, protocols };
  if (where === 'page') {
    seen.socket = fresh(url, protocols, seen.keep);
  } else if (where === 'again') {
    connectAgain(seen, url, protocols);
    addEventListener('offline', () => seen.socket.close());
  } else if (where === 'worker') {
    seen.worker = new Worker('/elsewhere.js');
    seen.worker.onmessage = e => seen.keep(e.data);
    seen.worker.postMessage(order);
  } else if (where === 'service-worker') {
    if (!navigator.serviceWorker) throw new Error('no serviceWorker on a page that is not secure');
    navigator.serviceWorker.onmessage = e => seen.keep(e.data);
    await navigator.serviceWorker.register('/elsewhere.js');
    (await navigator.serviceWorker.ready).active.postMessage(order);
  } else {
    const srcdoc = `<script>${ELSEWHERE}</` + 'script>';
    const frame = await within('iframe', { sandbox: 'allow-scripts', srcdoc });
    addEventListener('message', e => { if (e.source === frame) seen.keep(e.data); });
    frame.postMessage(order, '*');
  }
  return number;
};
window.next = (number, bound) => new Promise(resolve => {
  const seen = window.sockets[number];
  const timer = setTimeout(() => { seen.wake = () => {}; resolve([]); }, bound * 1000);
  seen.wake = () => {
    if (seen.log.length) {
      clearTimeout(timer);
      seen.wake = () => {};
      resolve(seen.log.splice(0));
    }
  };
  seen.wake();
});
"""
)
PAGE = (
    "<!doctype html><meta charset=utf-8><title>Conformance suite</title>"
    f"<body><ol></ol><script>{SCRIPT}</script>"
)
