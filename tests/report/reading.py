"""A page of the report as a browser would read it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from conformance.report.html import render


class Page(HTMLParser):
    """A page as a browser would read it: elements with attributes, and all text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.words, self.ids = [], [], []
        self.feed(page)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def read(document):
    return Page(render(document))
