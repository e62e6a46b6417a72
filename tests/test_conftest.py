from __future__ import annotations

import os
import threading

import pytest


def test_tests_run_without_a_display_and_without_the_hub() -> None:
    assert os.environ["QT_QPA_PLATFORM"]
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_a_thread_that_ends_soon_is_forgiven() -> None:
    threading.Thread(target=threading.Event().wait, args=(0.05,)).start()


def test_a_stand_in_camera_listens(stand_in_camera) -> None:  # type: ignore[no-untyped-def]
    camera = stand_in_camera("unix", seconds=5)
    os.kill(camera.pid, 0)
    camera.unplug()
    camera.start()
    pid = camera.pid
    camera.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
