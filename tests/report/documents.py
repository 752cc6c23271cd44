"""Documents to report on, as small as each test allows, and one in which every text is hostile."""

from conformance.report.vocabulary import OUTCOMES

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"
HOSTILE += "\"'`\x1b[31mred\x00\ud800\u202egnp.exe\r\nX: {{ 7 * 7 }}"
HOSTILE += "\n::error title=x::owned\r\n##[error]owned ]]> ``` ![x](https://example.com/x) </code>"


def requirement(identifier="handshake.accept-value", outcome="passed", **members):
    return {
        "id": identifier,
        "chapter": "protocol",
        "level": "MUST",
        "title": "Sec-WebSocket-Accept proves the key",
        "text": "The 101 response carries the digest of the client's key.",
        "source": "RFC 6455 §4.2.2",
        "outcome": outcome,
        "reason": "",
        "tests": [],
        "known_failure": None,
        "unlock": None,
        **members,
    }


def case(identifier="handshake.accept-value", outcome="passed", name="test_y[case]", **members):
    nodeid = f"conformance/suite/protocol/test_x.py::{name}"
    return {
        "id": nodeid,
        "requirement": identifier,
        "outcome": outcome,
        "duration": 0.012,
        "message": "",
        "expected": [],
        "actual": "",
        "notes": [],
        "breaches": [],
        "transcripts": [],
        "repeat": f"pytest --server-url=ws://localhost:4567 '{nodeid}'",
        **members,
    }


def entry(**members):
    return {
        "t": 0.00042,
        "direction": "received",
        "summary": "Text fin=1 mask=1 len=5 'hello'",
        "hex": "81 85 37 fa 21 3d 7f 9f 4d 51 58",
        "fields": [
            {"name": "MASK", "value": "1", "fault": True},
            {"name": "FIN", "value": "1", "fault": False},
        ],
        **members,
    }


def talk(*entries, **members):
    return {"label": "connection 1 · GET /ws/permissions/", "dropped": 0, "entries": list(entries), **members}


def report(verdict="conformant", requirements=(), tests=(), **members):
    return {
        "format": "conformance-results/1",
        "suite": {"version": "0.1.0", "specification": "1.0"},
        "run": {
            "id": "3f2a",
            "started": "2026-11-22T10:00:00+00:00",
            "duration": 9.81,
            "complete": True,
            "command": "pytest --server-url=ws://localhost:4567",
            "options": {"strict": False, "time_scale": 1.0},
        },
        "verdict": {"name": verdict, "exit_code": 0, "reason": "Because of what was seen."},
        "target": {
            "url": "ws://localhost:4567",
            "endpoint": "/ws/permissions/",
            "started_by_suite": True,
            "server": "Python/3.11",
            "addresses": ["127.0.0.1", "::1"],
            "level": 4,
            "capabilities": [
                {"name": "heartbeat", "present": True, "evidence": "answered in 0.8 ms", "unlock": None},
                {
                    "name": "control",
                    "present": False,
                    "evidence": "no control URL",
                    "unlock": "[control] url",
                },
            ],
        },
        "environment": {
            "python": "3.11.7",
            "platform": "Linux",
            "packages": {"pytest": "9.2.0"},
            "calibration": {"round_trip_ms": 0.31, "limits": {"handshake": 5.0, "reply": 5.0}},
        },
        "requirements": list(requirements),
        "tests": list(tests),
        **members,
    }


def failing(**members):
    return report(
        "non-conformant",
        [requirement(outcome="failed")],
        [
            case(
                outcome="failed",
                message="The server accepted a handshake it must refuse.",
                expected=["an HTTP error status (4xx)", "the connection closed without a 101"],
                actual="101 Switching Protocols",
                notes=["The control twin succeeded."],
                transcripts=[talk(entry())],
                **members,
            )
        ],
    )


def everything():
    document = failing()
    document["requirements"] += [requirement(f"r.{o}", o) for o in OUTCOMES]
    document["tests"][0]["breaches"] = [{"requirement": "r.failed", "message": "m"}]
    return document


def poisoned(value):
    if isinstance(value, dict):
        return {key: poisoned(child) for key, child in value.items()}
    if isinstance(value, list):
        return [poisoned(child) for child in value]
    return value + HOSTILE if isinstance(value, str) else value


def hostile():
    document = poisoned(everything())
    for part in (*document["requirements"], *document["tests"]):
        part["outcome"] = part["outcome"].removesuffix(HOSTILE)
    return document
