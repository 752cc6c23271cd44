"""The connections that do I/O: TCP and TLS, HTTP/2, and the pace of both."""
