from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import app.versions
from app.checks import check, libraries, machine, providers, window
from app.checks.check import Outcome, Verdict, run_child


def installed(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Pretend that these distributions are installed, and no others."""
    known = {name.replace("_", "-"): version for name, version in versions.items()}
    for module in (libraries, providers, window, app.versions):
        monkeypatch.setattr(module, "version_of", known.get)


def verdicts(checks: object) -> dict[str, Verdict]:
    return {c.subject: c.verdict for c in checks}  # type: ignore[attr-defined]


def test_exactly_one_onnxruntime_is_right(monkeypatch) -> None:
    for names, verdict in (
        ([], Verdict.FAIL),
        (["onnxruntime_gpu"], Verdict.OK),
        (["onnxruntime"], Verdict.OK),
        (["onnxruntime", "onnxruntime_gpu"], Verdict.FAIL),
    ):
        installed(monkeypatch, **dict.fromkeys(names, "1.31.1"))
        found = libraries._runtime()
        assert found.verdict is verdict
        assert ("pip" in found.cure) == (verdict is Verdict.FAIL)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="bools are immortal from 3.12 on")
@pytest.mark.parametrize(("version", "verdict"), [("6.12.0", "fail"), ("6.11.3", "ok")])
def test_the_pyside_that_aborts_is_known(monkeypatch, version, verdict) -> None:
    installed(monkeypatch, PySide6_Essentials=version)
    assert libraries._pyside().verdict.value == verdict


@pytest.mark.parametrize(
    ("version", "verdict"),
    [("2.13.0+cpu", "ok"), ("2.15.0", "warn"), ("2.10.1", "warn"), (None, "warn")],
)
def test_torch_is_only_for_training(monkeypatch, version, verdict) -> None:
    installed(monkeypatch, **({"torch": version} if version else {}))
    assert libraries._torch().verdict.value == verdict


def test_torch_is_not_imported_to_learn_its_version() -> None:
    list(libraries.check_libraries())
    outcome = run_child(
        "import sys; from app.checks.libraries import check_libraries; list(check_libraries());"
        "print('torch' in sys.modules, 'PySide6' in sys.modules)"
    )
    assert outcome.output.strip() == "False False"


def test_a_missing_or_old_library_fails_with_its_command(monkeypatch) -> None:
    installed(monkeypatch, numpy="1.26.4", numba="0.68.1", lz4="4.4", zstandard="0.25", rich="15.0")
    failed = [c for c in libraries._needed() if c.verdict is Verdict.FAIL]
    assert [(c.subject, c.cure) for c in failed] == [("numpy", "pip install 'numpy>=2'")]


LOAD = "Failed to load library libonnxruntime_providers_{0}.so with error: {1}: cannot open shared"


@pytest.mark.parametrize(
    ("name", "errors", "message", "cure"),
    [
        ("CUDA", LOAD.format("cuda", "libcublasLt.so.13"), "libcublasLt.so.13", "[cuda,cudnn]"),
        ("CUDA", LOAD.format("cuda", "libcudnn.so.9"), "libcudnn.so.9", "[cuda,cudnn]"),
        ("CUDA", LOAD.format("cuda", "libcuda.so.1"), "libcuda.so.1", "driver"),
        ("Tensorrt", LOAD.format("tensorrt", "libnvinfer.so.10"), "libnvinfer", "tensorrt-cu13>="),
        ("Tensorrt", "*** EP Error ***", "TensorRT is not installed", "tensorrt-cu13>=10.15,<11"),
        ("CUDA", "a\nCUDA failure 100: no device", "CUDA failure 100: no device", "pip install"),
    ],
)
def test_a_provider_that_does_not_start_says_which_library_and_the_cure(
    monkeypatch, name, errors, message, cure
) -> None:
    installed(monkeypatch)
    found = providers.judge(name, Outcome(code=0, output="used CPU", errors=errors))
    assert found.verdict is Verdict.WARN
    assert message in found.message
    assert cure in found.cure


def test_the_wrong_major_of_tensorrt_is_told(monkeypatch) -> None:
    installed(monkeypatch, tensorrt_cu13="11.4.0.106")
    errors = LOAD.format("tensorrt", "libnvinfer.so.10")
    found = providers.judge("Tensorrt", Outcome(code=0, output="", errors=errors))
    assert "11.4.0.106 is installed, onnxruntime takes 10.x" in found.message


def test_the_cpu_runs_a_small_network_here() -> None:
    found = verdicts(providers.check_providers())
    assert found["CPU engine"] is Verdict.OK


def test_a_broken_cpu_runtime_is_a_failure() -> None:
    found = providers.judge("CPU", Outcome(code=1, output="", errors="boom"))
    assert (found.verdict, found.message) == (Verdict.FAIL, "boom")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays of Linux")
@pytest.mark.parametrize(
    ("environment", "verdict"),
    [
        ({}, Verdict.WARN),
        ({"DISPLAY": ":987"}, Verdict.WARN),
        ({"DISPLAY": "host:0"}, Verdict.OK),
        ({"WAYLAND_DISPLAY": "wayland-0"}, Verdict.OK),
        ({"QT_QPA_PLATFORM": "offscreen"}, Verdict.OK),
    ],
)
def test_the_display_is_judged_by_the_environment(environment, verdict) -> None:
    assert window.display(environment).verdict is verdict


def test_a_missing_system_library_is_named_with_its_package() -> None:
    text = "ImportError: libxcb-icccm.so.4: cannot open shared object file: No such file"
    assert window.missing_library(text) == (
        "libxcb-icccm.so.4",
        "sudo apt-get install libxcb-icccm4",
    )
    assert window.missing_library("Segmentation fault") is None


def test_a_camera_that_only_the_kernel_sees_is_found(tmp_path: Path) -> None:
    for name, vendor, product in (("1-1", "152a", "DVXplorer"), ("1-2", "1d6b", "Hub")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "idVendor").write_text(f"{vendor}\n")
        (tmp_path / name / "product").write_text(f"{product}\n")
    assert machine.plugged_in(tmp_path) == ["DVXplorer"]
    assert machine.plugged_in(tmp_path / "none") == []


def test_a_udev_rule_for_the_vendor_is_found(tmp_path: Path) -> None:
    (tmp_path / "65-x.rules").write_text(machine.UDEV_CURE)
    assert machine.has_udev_rule((tmp_path,))
    assert not machine.has_udev_rule((tmp_path / "none",))


def test_little_disk_is_a_warning() -> None:
    assert machine.disk(Path("/"), 1e9).verdict is Verdict.WARN
    assert machine.disk(Path("/"), 1e11).verdict is Verdict.OK


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_an_unwritable_kernel_cache_is_a_warning(tmp_path: Path, monkeypatch) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert machine.kernel_cache(tmp_path).verdict is Verdict.WARN


def test_the_kernel_cache_of_this_machine_can_be_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new"))
    assert machine.kernel_cache(tmp_path).verdict is Verdict.OK


def test_a_child_that_hangs_or_aborts_takes_only_itself_along(monkeypatch) -> None:
    monkeypatch.setattr(check, "CHILD_LIMIT_S", 0.3)
    assert run_child("import time; time.sleep(60)").code == -1
    assert run_child("import os; os.abort()").code == -6
    assert json.loads(run_child("import sys; print(sys.argv[1])", "5").output or "5") == 5
