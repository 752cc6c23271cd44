"""Servers that are wrong on purpose: each breaks one requirement, and the suite must say just that.

A *defect* is a function of a few lines that patches the reference server, or the library under it, before
it starts; its name is its vice. `registry` says what a defect is, `serve` runs a server with one, `matrix`
runs the suite against it, and each of the other modules holds the defects of one chapter or section.
"""
