"""Runs side by side: what a change broke or mended, and which server keeps what.

``documents`` reads results, ``differences`` compares two, ``matrix`` lays out many, ``pages`` writes both as
HTML and Markdown, ``running`` makes the runs, ``command`` is ``conformance compare``.
"""
