"""What is measured as a curve and not as a point."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """A workload, measured for many values of one parameter."""

    name: str
    title: str
    workload: str
    parameter: str
    points: tuple[int, ...]


CURVES = (
    Curve(
        "actors",
        "From one actor to a million",
        "many-actors",
        "actors",
        (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000),
    ),
    Curve(
        "senders",
        "From one sender to 64",
        "many-senders",
        "senders",
        (1, 2, 4, 8, 16, 32, 64),
    ),
    Curve(
        "sizes",
        "From small messages to large ones",
        "message-size",
        "bytes",
        (16, 256, 4_096, 65_536, 1_048_576),
    ),
    Curve(
        "rings",
        "From a small ring to a large one",
        "thread-ring",
        "nodes",
        (2, 8, 32, 128, 512, 2_048),
    ),
    Curve(
        "timers",
        "From a thousand timers to a million",
        "timers",
        "timers",
        (1_000, 10_000, 100_000, 1_000_000),
    ),
)
