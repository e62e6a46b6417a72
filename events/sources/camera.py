"""CameraSource: a DAVIS, DVXplorer or DVS128 on this machine's USB, through dv-processing."""

from __future__ import annotations

from typing import Any

from events.live.acquisition import CLOSED, Acquisition
from events.live.child_acquisition import ChildAcquisition
from events.live.controls import Control, Value, controls, set_control
from events.live.dv_reader import DvAcquisition
from events.live.live_source import LiveSource
from events.live.open_device import FoundCamera, find_cameras, open_camera


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
            in_child: Read it in a child process: steadier when this process is busy, but
                its controls cannot be set then.
            cameras: ``dv_processing.io.camera``, or what behaves like it.
        """
        name = f"camera:{serial}" if serial else "camera"
        self._dv_acquisition = DvAcquisition(lambda: open_camera(serial, cameras))
        acquisition: Acquisition = ChildAcquisition(name) if in_child else self._dv_acquisition
        super().__init__(acquisition, name=name, reconnects=False)

    @staticmethod
    def discover() -> list[FoundCamera]:
        """Return the cameras on this machine's USB; none also where dv-processing is missing."""
        return find_cameras()

    def controls(self) -> list[Control]:
        """Return what this camera lets itself be set, with its present values; any thread."""
        device = self._dv_acquisition.device
        return controls(device) if device is not None else []

    def set_control(self, name: str, value: Value) -> Control:
        """Set one control and return it as the camera then has it; any thread.

        Raises:
            ValueError: the camera has no such control, or the value is outside its range.
        """
        device = self._dv_acquisition.device
        if device is None:
            raise ValueError(f"{name} cannot be set: the camera is not open in this process")
        return set_control(device, name, value)

    def _explain(self, reason: str) -> str:
        if reason == CLOSED:
            return f"{self.name} was unplugged: plug it in and open it again"
        return reason
