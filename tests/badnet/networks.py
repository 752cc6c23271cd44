"""Bad networks, by name: the options of ``tests/servers/delaying.py`` that make each of them."""

NETWORKS = {
    "proxy": "--delay 0",
    "far": "--delay 25",
    "jitter": "--delay 5 --jitter 40",
    "pieces": "--delay 0 --cut 7",
    "segments": "--delay 2 --segment 1460",
    "gathering": "--delay 0 --gather 25",
    "thin": "--delay 5 --rate 250000",
    "lossy": "--delay 5 --stall 20",
    "mobile": "--delay 20 --jitter 30 --rate 1000000 --stall 10",
}
