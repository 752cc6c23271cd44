"""Have a browser of our own trust the authorities of a file, and then verify as it always does.

Chromium on Linux and Firefox read them from an NSS database: the first in its user's home, the second in its
profile. NSS itself, which comes with either, writes one, in a process of its own, for it keeps state:
``python -m conformance.browser.authorities FOLDER FILE EXECUTABLE``. Elsewhere Chromium asks the system.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import re
import ssl
import sys
from pathlib import Path

NAMES = {"darwin": "libnss3.dylib", "win32": "nss3.dll"}
BOUND = 20.0
MOST = 20  # each is written to the disk by itself; the authorities of a system take a quarter of a minute
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_AUTHORITY = b"C,,"  # trusted to sign servers' certificates, and for nothing else


class _Item(ctypes.Structure):
    _fields_ = (("type", ctypes.c_uint), ("data", ctypes.c_char_p), ("size", ctypes.c_uint))


class _Trust(ctypes.Structure):
    _fields_ = (("servers", ctypes.c_uint), ("mail", ctypes.c_uint), ("code", ctypes.c_uint))


async def write_store(folder: Path, ca_file: Path, executable: Path) -> str:
    """Write a store of these authorities.

    Args:
        folder: where the store goes.
        ca_file: their certificates, in PEM form.
        executable: the browser that will read it.

    Returns:
        Why it cannot be had, or an empty string.

    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "conformance.browser.authorities", str(folder), str(ca_file), str(executable),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, said = await asyncio.wait_for(process.communicate(), BOUND)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return f"NSS was not done within {BOUND:g} s"
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return "" if process.returncode == 0 else lines[-1] if lines else "NSS failed"


def certificates(text: str) -> list[bytes]:
    """Return the certificates of a PEM text, in DER form."""
    return [ssl.PEM_cert_to_DER_cert(one) for one in _PEM.findall(text)]


def _library(executable: Path) -> ctypes.CDLL:
    name = NAMES.get(sys.platform, "libnss3.so")
    for place in (str(executable.resolve().with_name(name)), name):
        with contextlib.suppress(OSError):
            return ctypes.CDLL(place)
    raise SystemExit("the library of NSS is not installed")


def _store(folder: Path, ca_file: Path, executable: Path) -> None:
    authorities = certificates(ca_file.read_text("utf-8", "replace"))
    if len(authorities) > MOST:
        raise SystemExit(f"{len(authorities)} authorities are in it, as in a system's own file")
    nss = _library(executable)
    folder.mkdir(parents=True, exist_ok=True)
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    nss.NSS_Initialize.argtypes = [text, text, text, text, ctypes.c_uint32]
    nss.PK11_GetInternalKeySlot.restype = nss.CERT_GetDefaultCertDB.restype = pointer
    nss.PK11_InitPin.argtypes = [pointer, text, text]
    nss.CERT_NewTempCertificate.argtypes = [pointer, pointer, text, ctypes.c_int, ctypes.c_int]
    nss.CERT_NewTempCertificate.restype = pointer
    nss.PK11_ImportCert.argtypes = [pointer, pointer, ctypes.c_ulong, text, ctypes.c_int]
    nss.CERT_DecodeTrustString.argtypes = [pointer, text]
    nss.CERT_ChangeCertTrust.argtypes = [pointer, pointer, pointer]

    def done(status: int) -> None:
        if status != 0:
            raise SystemExit(f"NSS failed with {nss.PORT_GetError()}")

    done(nss.NSS_Initialize(f"sql:{folder}".encode(), b"", b"", b"secmod.db", 0))
    slot, trust = nss.PK11_GetInternalKeySlot(), _Trust()
    done(nss.PK11_InitPin(slot, None, b""))  # without a password trust is not believed
    done(nss.CERT_DecodeTrustString(ctypes.byref(trust), _AUTHORITY))
    for number, der in enumerate(authorities):
        item = _Item(0, der, len(der))
        known = nss.CERT_GetDefaultCertDB()
        certificate = nss.CERT_NewTempCertificate(known, ctypes.byref(item), None, 0, 1)
        if not certificate:
            raise SystemExit(f"NSS cannot read certificate {number + 1} of {ca_file}")
        done(nss.PK11_ImportCert(slot, certificate, 0, f"authority {number + 1}".encode(), 0))
        done(nss.CERT_ChangeCertTrust(known, certificate, ctypes.byref(trust)))
    nss.NSS_Shutdown()  # it says that certificates are still held, and has written all the same


if __name__ == "__main__":
    _store(*map(Path, sys.argv[1:]))
