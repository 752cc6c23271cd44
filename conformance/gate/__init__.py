"""The gate: what a build tolerates for now, and when that is no longer right.

``entries`` reads one tolerated failure, ``symptom`` says by what it is recognised, ``baseline`` is the file,
``judge`` holds a run against it, ``update`` writes it anew, ``repeat`` measures instability.
"""
