"""Make an authority and its certificate for localhost in ``certificates/``, unless they are there."""

import contextlib
import tempfile
from pathlib import Path

import trustme

FOLDER = Path(__file__).resolve().parent / "certificates"

if not FOLDER.exists():
    authority = trustme.CA()
    with tempfile.TemporaryDirectory(dir=FOLDER.parent, prefix="certificates-") as name:
        made = Path(name) / "made"
        made.mkdir(mode=0o700)
        authority.cert_pem.write_to_path(made / "ca.pem")
        issued = authority.issue_cert("localhost", "127.0.0.1", "::1")
        issued.private_key_and_cert_chain_pem.write_to_path(made / "server.pem")
        with contextlib.suppress(OSError):  # another run was faster
            made.rename(FOLDER)
