"""What `--provider auto` became for the engine that ships with Saccade."""

from __future__ import annotations

from collections.abc import Iterator

from app.checks.check import Check, ok
from app.engines import default_engine_path, usable_providers
from export.backends.backend import EngineError
from export.providers.provider import PICKED, TITLES

SUBJECT = "auto provider"


def check_choice() -> Iterator[Check]:
    """Yield what was measured and picked; nothing where no engine loads, which others say."""
    try:
        from export.choice import memory_path, remembered
        from export.family import family

        members = family(default_engine_path())
        providers = usable_providers(members[0].card)
    except (EngineError, ImportError, AttributeError):
        return
    if len(members) * len(providers) == 1:
        yield ok(SUBJECT, f"{TITLES[providers[0]]}: nothing else can run engines here")
        return
    choice = remembered(members, providers)
    if choice is None:
        names = ", ".join(TITLES[name] for name in providers)
        yield ok(SUBJECT, f"{names} can run engines here: measured at the next start")
        return
    yield ok(
        SUBJECT,
        f"{str(choice).removeprefix(PICKED).strip()}; to measure again, delete {memory_path()}",
    )
