"""The diagnosis on a terminal: a line for each layer, then the cause, its evidence, and what to do."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_MARKS = {"ok": ("ok", "green"), "broken": ("BROKEN", "bold red"), "unseen": ("not seen", "yellow")}


def show(console: Console, made: dict[str, Any]) -> None:
    """Print a diagnosis; ``made`` is the document, which is clean of secrets already."""
    console.print(Text(f"{made['url']}"), style="bold")
    console.print(_layers(made))
    if made.get("paths"):
        console.print(_paths(made["paths"]))
    for part in _verdict(made):
        # A command is copied: it is never folded or cut, however narrow the terminal or the pipe.
        console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))


def _layers(made: dict[str, Any]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in made["layers"]:
        mark, colour = _MARKS[one["state"]]
        ends = one["cause"] is not None
        lines = [Text(one["summary"] if not ends else made["meaning"])]
        if not ends:
            lines += [Text(line, style="dim") for line in one["evidence"]]
        table.add_row(Text(one["layer"]), Text(mark, style=colour), Group(*lines))
    return Padding(table, (0, 0, 0, 2))


def _verdict(made: dict[str, Any]) -> list[RenderableType]:
    blank = Text("")
    if made["cause"] is None:
        hidden = [one["layer"] for one in made["layers"] if one["state"] == "unseen"]
        seen = f" Not looked at: {', '.join(hidden)}." if hidden else ""
        steps = [step for one in made["layers"] for step in one["steps"]]
        return [blank, Text(f"Healthy ({made['seconds']:.1f} s).{seen}", style="bold green"), *_steps(steps)]
    last = next(one for one in made["layers"] if one["cause"] is not None)
    style = "bold red" if made["verdict"] == "broken" else "bold yellow"
    head = "" if made["verdict"] == "broken" else "Cannot tell whether it is broken. "
    parts: list[RenderableType] = [blank, Text(f"{head}{last['summary']}", style=style)]
    parts.append(Text(f"cause {last['cause']}, found in {made['seconds']:.1f} s", style="dim"))
    if last["evidence"]:
        parts += [blank, Text("Evidence", style="bold")]
        parts += [Padding(Text(f"- {line}"), (0, 0, 0, 2)) for line in last["evidence"]]
    return [*parts, *_steps(last["steps"])]


def _steps(steps: list[dict[str, Any]]) -> list[RenderableType]:
    if not steps:
        return []
    shown: list[RenderableType] = [Text(""), Text("What to do (nothing was changed)", style="bold")]
    for step in steps:
        if step["command"] is None:
            shown.append(Padding(Text(f"- {step['text']}"), (0, 0, 0, 2)))
        else:
            shown.append(Padding(Text(f"- {step['text']}:"), (0, 0, 0, 2)))
            shown.append(Text(f"{' ' * 6}{step['command']}", style="cyan", no_wrap=True, overflow="ignore"))
    return shown


def _paths(rows: list[dict[str, Any]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("path", "what it is", "answer", "Server"):
        table.add_column(column, overflow="fold")
    for row in rows:
        style = "green" if row["upgraded"] else ""
        table.add_row(
            Text(row["path"]), row["kind"], Text(row["answer"], style=style), Text(row["server"] or "")
        )
    return Padding(table, (0, 0, 0, 2))
