"""CameraSource: a DAVIS, DVXplorer or DVS128 on this machine's USB, through dv-processing."""

from __future__ import annotations

import os
from typing import Any

from events.live.acquisition import CLOSED, Acquisition
from events.live.child_acquisition import ChildAcquisition
from events.live.controls import Control, Value
from events.live.dv_reader import DvAcquisition
from events.live.live_source import LiveSource
from events.live.open_device import FoundCamera, find_cameras, open_camera
from events.sources.source import SourceError

OPEN_LIMIT_S = 10.0
"""For a camera to be found, loaded with its firmware and opened in a child process."""


class CameraSource(LiveSource):
    """Opens the camera with a serial number, or the first one found; events only.

    An unplugged camera ends ``packets`` with SourceError within 1 s.
    """

    def __init__(
        self, serial: str | None = None, *, in_child: bool = False, cameras: Any = None
    ) -> None:
        """Remember which camera.

        Args:
            serial: Its serial number, as ``discover`` tells; None for the first one.
            in_child: Read it in a child process, through a ring of shared memory: steadier where
                this process is busy.
            cameras: ``dv_processing.io.camera``, or what behaves like it; in this process only.

        Raises:
            SourceError: there are no such child processes on this system.
        """
        name = f"camera:{serial}" if serial else "camera"
        if in_child and os.name != "posix":
            raise SourceError(f"{name}: reading in a child process needs Linux or macOS")
        acquisition: Acquisition = (
            ChildAcquisition(name, connect_limit_s=OPEN_LIMIT_S)
            if in_child
            else DvAcquisition(lambda: open_camera(serial, cameras))
        )
        super().__init__(acquisition, name=name, reconnects=False)

    @staticmethod
    def discover() -> list[FoundCamera]:
        """Return the cameras on this machine's USB; none also where dv-processing is missing."""
        return find_cameras()

    def controls(self) -> list[Control]:
        """Return what this camera lets itself be set, with its present values; any thread."""
        return self._acquisition.controls()

    def set_control(self, name: str, value: Value) -> Control:
        """Set one control and return it as the camera then has it; any thread.

        Raises:
            ValueError: the camera has no such control, or the value is outside its range.
        """
        return self._acquisition.set_control(name, value)

    def _explain(self, reason: str) -> str:
        if reason == CLOSED:
            return f"{self.name} was unplugged: plug it in and open it again"
        if "did not answer" in reason:
            return f"{self.name} did not open within {OPEN_LIMIT_S:g} s: plug it in again"
        return reason
