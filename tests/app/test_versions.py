"""onnxruntime's packages as their metadata says, read from folders like those that pip writes."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from app import versions
from app.checks import libraries
from app.checks.check import Verdict
from app.engines import load_engine

REPOSITORY = Path(__file__).resolve().parents[2]


def install(folder: Path, *names: str) -> None:
    """Write the metadata that pip leaves of these packages."""
    for name in names:
        info = folder / f"{name.replace('-', '_')}-1.31.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.31.1\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that is installed."""

    def version(name: str) -> str:
        found = metadata.distributions(name=name, path=[str(tmp_path)])
        for distribution in found:
            return distribution.version
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(versions.metadata, "version", version)
    return tmp_path


@pytest.mark.parametrize(
    "names",
    [
        ("onnxruntime", "onnxruntime-gpu"),
        ("onnxruntime-gpu", "onnxruntime-openvino"),
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"),
    ],
)
def test_packages_that_overwrite_each_other_are_named_with_the_cure(
    site: Path, names: tuple[str, ...]
) -> None:
    install(site, *names)
    problem = versions.runtime_problem()
    assert problem is not None
    assert f"pip uninstall -y {' '.join(n for n in versions.RUNTIMES if n in names)} &&" in problem
    check = libraries._runtime()
    assert check.verdict is Verdict.FAIL
    assert check.cure.startswith("pip uninstall -y onnxruntime")


@pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime-gpu"])
def test_one_package_is_right(site: Path, name: str) -> None:
    install(site, name)
    assert versions.runtime_problem() is None
    assert libraries._runtime().message == f"{name} 1.31.1"


def test_none_is_one_command_away(site: Path) -> None:
    assert (versions.runtime_problem() or "").startswith("onnxruntime is not installed: pip instal")


def test_an_engine_that_loads_beside_both_packages_carries_the_cure(
    site: Path, tiny_engine: Path
) -> None:
    install(site, "onnxruntime", "onnxruntime-gpu")
    [note] = load_engine(tiny_engine, "cpu").notes
    assert "overwrite each other's files: pip uninstall -y onnxruntime onnxruntime-gpu" in note


@pytest.mark.parametrize(
    ("system", "machine", "runtime"),
    [
        ("Linux", "x86_64", "onnxruntime-gpu"),
        ("Linux", "aarch64", "onnxruntime"),
        ("Windows", "AMD64", "onnxruntime-gpu"),
        ("Windows", "ARM64", "onnxruntime"),
        ("Darwin", "arm64", "onnxruntime"),
        ("Darwin", "x86_64", "onnxruntime"),
    ],
)
def test_each_machine_gets_the_one_onnxruntime_that_has_wheels_for_it(
    system: str, machine: str, runtime: str
) -> None:
    environment = {"platform_system": system, "platform_machine": machine}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    asked = [Requirement(text) for text in project["dependencies"]]
    installed = [
        each.name for each in asked if each.marker is None or each.marker.evaluate(environment)
    ]
    assert [name for name in installed if name in versions.RUNTIMES] == [runtime]
    assert versions.wanted_runtime(system, machine) == runtime
