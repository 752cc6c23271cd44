"""Servers that hold to nothing, from their first byte or from some moment on."""
