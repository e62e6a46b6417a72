from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_engine import tiny_card
from trt_files import key_of, write_file

from export.backends.backend import EngineError
from export.trt.container import MAGIC, SCHEMA_VERSION, START, read_engine, write_engine

REPOSITORY = Path(__file__).resolve().parents[3]
SHAPE = ((1,), (50_000,), (1_000_000,))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.trt"
    key = key_of(b"graph", profile={"t": SHAPE}, precision="fp16")
    write_engine(path, key, tiny_card(), b"a plan", b"graph")
    found = read_engine(path)
    assert found.key == key
    assert found.card == tiny_card()
    assert (found.read_plan(), found.read_onnx()) == (b"a plan", b"graph")
    assert list(tmp_path.iterdir()) == [path]


def test_an_engine_truncated_anywhere_is_refused_with_the_cure(tmp_path: Path) -> None:
    whole = write_file(tmp_path / "x.trt").path.read_bytes()
    path = tmp_path / "cut.trt"
    for size in [*range(START.size + 4), *range(START.size + 4, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(EngineError, match=r"export|copy") as caught:
            read_engine(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_flipped_byte_anywhere_is_found_before_the_plan_is_run(tmp_path: Path) -> None:
    file = write_file(tmp_path / "x.trt")
    whole = file.path.read_bytes()
    path = tmp_path / "flipped.trt"
    for position in range(0, len(whole), 11):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        with pytest.raises(EngineError):
            read_engine(path).check()


@pytest.mark.parametrize("content", [b"", b"vtrt\0\0\0\0" + bytes(500), b"\x08\x0a" * 99, b"S"])
def test_a_file_of_another_program_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.trt"
    path.write_bytes(content)
    with pytest.raises(EngineError, match=r"foreign\.trt is (not a TensorRT engine|truncated)"):
        read_engine(path)


def test_a_newer_schema_asks_for_an_update(tmp_path: Path) -> None:
    path = write_file(tmp_path / "x.trt").path
    whole = bytearray(path.read_bytes())
    whole[len(MAGIC)] = SCHEMA_VERSION + 1
    path.write_bytes(whole)
    with pytest.raises(EngineError, match=r"schema 2, this Saccade reads up to 1: update Saccade"):
        read_engine(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"no engine file .*gone\.trt"):
        read_engine(tmp_path / "gone.trt")
    with pytest.raises(EngineError, match="is not a file"):
        read_engine(tmp_path)


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"cannot write .*x\.trt: No such file"):
        write_file(tmp_path / "gone" / "x.trt")
    (tmp_path / "x.trt").mkdir()
    with pytest.raises(EngineError, match="cannot write"):
        write_file(tmp_path / "x.trt")
    assert list(tmp_path.iterdir()) == [tmp_path / "x.trt"]


def test_each_thing_that_a_plan_depends_on_changes_its_name() -> None:
    key = key_of(b"graph")
    others = [
        key_of(b"graph "),
        replace(key, library="TensorRT"),
        replace(key, version="1.7.2"),
        replace(key, compute_capabilities=("8.6",)),
        replace(key, profile={"t": SHAPE}),
        replace(key, precision="fp16"),
    ]
    assert len({key.digest, *(other.digest for other in others)}) == 1 + len(others)
    assert key_of(b"graph").digest == key.digest


def test_a_header_is_read_without_tensorrt_and_torch(tmp_path: Path) -> None:
    path = write_file(tmp_path / "x.trt").path
    script = f"""
        import sys
        from pathlib import Path
        from export.trt.container import read_engine

        assert read_engine(Path({str(path)!r})).card.name == "tiny"
        assert not {{"tensorrt_rtx", "tensorrt", "torch"}} & set(sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
