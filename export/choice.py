"""Which engine of a family on which provider: measured once per machine, and remembered.

Each is held to ONNX Runtime on the CPU over a few windows of a synthetic scene, then timed in turns
with it. Of the largest input at which any keeps up with the stride, an exact engine that does is
picked; a lossy sibling, int8 or fp16, only where no exact one does, however much faster it is. What
a provider makes of an exact one, such as fp16, is the provider's matter.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from events.sources.synthetic import SyntheticSource
from export.backends.backend import DeviceLostError, Engine, EngineError
from export.cache_folder import cache_folder
from export.family import MARK, Member
from export.fingerprint import file_digest, machine
from export.parity import Grid, Tolerance, compare_engines
from export.providers.provider import PICKED, TITLES, Arithmetic, provider
from export.runtime_errors import lost_reason
from export.stretch import grids_of

Load = Callable[[Path, str], Engine]
"""Loads an .onnx file on a provider by name."""
Progress = Callable[[str], None]

NUM_WINDOWS = 12
TIE = 1.1
"""Runs that take so much longer than the fastest count as equally fast."""
HEADROOM = 0.7
"""Share of the stride that one run may take: the rest is for the representation and for bad
moments."""
TOLERANCES: dict[Arithmetic, Tolerance] = {
    "fp32": Tolerance(),
    "tf32": Tolerance.half(),  # as many bits behind the point as fp16
    "fp16": Tolerance.half(),
    "bf16": Tolerance.quantized(),
    "int8": Tolerance.quantized(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One engine on one provider, as it was measured."""

    file: str
    """Name of the engine's file."""
    provider: str
    size: tuple[int, int]
    """Input width and height."""
    precision: str
    """The card's."""
    run_ms: float
    """Median of one window; infinite where it failed."""
    failure: str = ""
    """Why it may not be picked; empty where it may."""
    may_pass_later: bool = False
    """Whether the failure is of the moment: a busy device, too little memory, a lost one."""

    def __str__(self) -> str:
        what = f"{TITLES[self.provider]} {self.size[0]}x{self.size[1]}"
        if self.precision != "fp32":
            what = f"{what} ({self.file})"
        return f"{what}: {self.failure or f'{self.run_ms:.1f} ms'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was picked of what was tried."""

    trials: tuple[Trial, ...]
    stride_ms: float

    @property
    def able(self) -> list[Trial]:
        """Those that agree and keep up."""
        most_ms = HEADROOM * self.stride_ms
        return [trial for trial in self.trials if not trial.failure and trial.run_ms <= most_ms]

    @property
    def picked(self) -> Trial:
        """The fastest exact one that keeps up at the largest size where any does.

        Where no exact one does the fastest other, and where nothing does the fastest of all. Of
        those nearly as fast it is the plainest, a family's own file before its siblings, then the
        last provider tried: a tie must not be decided by what else the machine did meanwhile.
        """
        passed, able = [trial for trial in self.trials if not trial.failure], self.able
        area = max((trial.size[0] * trial.size[1] for trial in able), default=0)
        best = [trial for trial in able if trial.size[0] * trial.size[1] == area]
        exact = [trial for trial in best if trial.precision == "fp32"]
        tried = exact or best or passed
        least_ms = min(trial.run_ms for trial in tried)
        equal = [trial for trial in tried if trial.run_ms <= TIE * least_ms]
        return ([trial for trial in equal if MARK not in trial.file] or equal)[-1]

    def __str__(self) -> str:
        picked = self.picked
        others = "; ".join(str(trial) for trial in self.trials if trial is not picked)
        rate = 1e3 / picked.run_ms
        return f"{PICKED} {picked}, {rate:.0f} windows/s of {1e3 / self.stride_ms:.0f} asked" + (
            f" ({others})" if others else ""
        )


def choose(
    members: Sequence[Member], providers: Sequence[str], load: Load, progress: Progress
) -> Choice:
    """Return the choice that is remembered for this machine, else measure and remember it.

    One that was made while a device was busy or short of memory holds for this time only.

    Args:
        members: One family, largest inputs first.
        providers: Names of those that can start here, "cpu" among them.
        load: Told what to load.
        progress: Told what is measured.

    Raises:
        EngineError: not even the CPU runs the engine.
    """
    choice = remembered(members, providers)
    if choice is None:
        choice = _measure(members, providers, load, progress)
        passing = [trial for trial in choice.trials if trial.may_pass_later]
        if passing:
            progress(f"measured again at the next start: {passing[0]}")
        else:
            _remember(_key(members, providers), choice, progress)
    return choice


def remembered(members: Sequence[Member], providers: Sequence[str]) -> Choice | None:
    """Return what was measured for these files on this machine; None where it was not."""
    entry = _read().get(_key(members, providers))
    if entry is None:
        return None
    try:
        trials = tuple(
            Trial(**{**trial, "size": tuple(trial["size"])}) for trial in entry["trials"]
        )
        choice = Choice(trials=trials, stride_ms=float(entry["stride_ms"]))
        return choice if choice.picked.file in {m.path.name for m in members} else None
    except (TypeError, KeyError, ValueError):
        return None  # of another Saccade, or damaged: measured again


def _measure(
    members: Sequence[Member], providers: Sequence[str], load: Load, progress: Progress
) -> Choice:
    stride_ms = members[0].card.stride_us / 1e3
    trials: list[Trial] = []

    def made() -> Choice:
        return Choice(trials=tuple(trials), stride_ms=stride_ms)

    for size in dict.fromkeys(member.size for member in members):
        alike = [member for member in members if member.size == size]
        alike.sort(key=lambda member: member.card.precision != "fp32")  # exact ones first
        grids = list(grids_of(SyntheticSource(seed=0), alike[0].card, NUM_WINDOWS))
        reference = load(alike[0].path, "cpu")
        for member in alike:
            if member.card.precision != "fp32" and made().able:
                break  # others would be faster still, and less exact
            for name in providers:
                progress(f"measuring {member.path.name} on {TITLES[name]}, once on this machine")
                trials.append(_try(member, name, load, reference, grids))
        reference.close()
        if made().able:
            break  # smaller ones would be faster still, and see less
    if all(trial.failure for trial in trials):
        raise EngineError(f"nothing here runs {members[0].path}: {trials[-1].failure}")
    return made()


def _try(member: Member, name: str, load: Load, reference: Engine, grids: Sequence[Grid]) -> Trial:
    """Return how fast an engine is on a provider, or why it may not be picked."""
    run_ms, failure, is_lost = math.inf, "", False
    try:
        engine = load(member.path, name)
        if engine.provider != TITLES[name]:
            failure = "; ".join(engine.notes)
        else:
            report = compare_engines(reference, engine, grids)
            run_ms = report.engine_ms
            failures = report.failures(TOLERANCES[provider(name).arithmetic(member.card)])
            failure = "; ".join(failures)
        engine.close()
    except EngineError as error:
        failure, is_lost = str(error), isinstance(error, DeviceLostError)
    return Trial(
        file=member.path.name,
        provider=name,
        size=member.size,
        precision=member.card.precision,
        run_ms=run_ms,
        failure=failure,
        may_pass_later=is_lost or lost_reason(failure) is not None,
    )


def _key(members: Sequence[Member], providers: Sequence[str]) -> str:
    return "-".join([*(file_digest(member.path) for member in members), *providers])


def memory_path() -> Path:
    """Return the file that holds what was measured here."""
    return cache_folder() / "choices.json"


def _read() -> dict[str, Any]:
    """Return the choices by key; none where they are of another machine, driver or library."""
    try:
        content = json.loads(memory_path().read_text())
    except (OSError, ValueError):
        return {}
    is_ours = isinstance(content, dict) and content.get("machine") == machine()
    return dict(content["choices"]) if is_ours and "choices" in content else {}


def _remember(key: str, choice: Choice, progress: Progress) -> None:
    """Keep a choice; say so where it cannot be kept."""
    entry = {"stride_ms": choice.stride_ms, "trials": [asdict(trial) for trial in choice.trials]}
    content = {"machine": machine(), "choices": {**_read(), key: entry}}
    path = memory_path()
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content, indent=1))
        os.replace(part, path)
    except OSError as error:
        progress(f"measured again at the next start: {path} cannot be written: {error.strerror}")
