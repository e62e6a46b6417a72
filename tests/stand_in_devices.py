"""Objects that behave like dv-processing's cameras, quirks included, where there is no camera."""

from __future__ import annotations

import enum
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import dv_processing as dv

ReadoutFPS = enum.Enum("ReadoutFPS", ["CONSTANT_100", "CONSTANT_500", "VARIABLE_5000"])
Flatten = enum.Enum("Flatten", ["NONE", "FLATTEN_ON", "ON_ONLY", "OFF_ONLY"])
Davis346BiasCF = enum.Enum("Davis346BiasCF", ["Diff", "On", "Off", "Refractory"])


class StandInDevice:
    """A DVXplorer: hands out the batches it is given, then None, as an idle camera does."""

    def __init__(self, batches: list[Any] | None = None, size: tuple[int, int] = (64, 48)) -> None:
        self.batches = list(batches or [])
        self.is_plugged_in = True
        self.size = size
        self.interval: timedelta | None = None
        self.values: dict[str, Any] = {
            "ContrastThresholdOn": 9,
            "ContrastThresholdOff": 9,
            "ReadoutFPS": ReadoutFPS.VARIABLE_5000,
            "FlipHorizontal": False,
            "CropArea": (0, 0, *size),
            "Flatten": Flatten.NONE,
        }
        self.switches: dict[str, bool] = {}

    def getCameraName(self) -> str:  # noqa: N802
        return "DVXplorer_STANDIN1"

    def isEventStreamAvailable(self) -> bool:  # noqa: N802
        return True

    def getEventResolution(self) -> tuple[int, int]:  # noqa: N802
        return self.size

    def isRunning(self) -> bool:  # noqa: N802
        return self.is_plugged_in

    def getNextEventBatch(self) -> Any:  # noqa: N802
        return self.batches.pop(0) if self.batches else None

    def setTimeInterval(self, interval: timedelta) -> None:  # noqa: N802
        self.interval = interval

    def setImuRunningGyroscope(self, is_running: bool) -> None:  # noqa: N802
        self.switches["gyroscope"] = is_running

    def __getattr__(self, name: str) -> Any:
        suffix = name[3:]
        if name[:3] not in ("get", "set") or suffix not in self.__dict__.get("values", {}):
            raise AttributeError(name)
        if name.startswith("get"):
            return lambda: self.values[suffix]
        return lambda value: self.values.__setitem__(suffix, value)


class StandInDavis(StandInDevice):
    """A DAVIS346: coarse and fine bias currents, filters on the chip in steps of 250 us."""

    Davis346BiasCF = Davis346BiasCF

    def __init__(self, batches: list[Any] | None = None) -> None:
        super().__init__(batches, (346, 260))
        del self.values["ContrastThresholdOn"], self.values["ContrastThresholdOff"]
        self.values["BackgroundActivityFilter"] = 8
        self.biases = dict.fromkeys(Davis346BiasCF, (4, 39))

    def getRefractoryPeriodFilter(self) -> int:  # noqa: N802
        raise RuntimeError("Refractory Period filter feature not available.")

    def setRefractoryPeriodFilter(self, value: int) -> None:  # noqa: N802
        raise RuntimeError("Refractory Period filter feature not available.")

    def getDavis346BiasCoarseFine(self, bias: Davis346BiasCF) -> tuple[int, int]:  # noqa: N802
        return self.biases[bias]

    def setDavis346BiasCoarseFine(  # noqa: N802
        self, bias: Davis346BiasCF, coarse: int, fine: int
    ) -> None:
        self.biases[bias] = (coarse, fine)


class StandInCameras:
    """``dv_processing.io.camera``: discover and open, with the errors of the real ones."""

    def __init__(self, devices: dict[str, Any]) -> None:
        self.devices = devices

    def discover(self) -> list[Any]:
        model = SimpleNamespace(name="DVXPLORER")
        return [SimpleNamespace(serialNumber=s, cameraModel=model) for s in self.devices]

    def open(self, serial: str | None = None) -> Any:
        if not self.devices:
            raise IndexError(
                "vector::_M_range_check: __n (which is 0) >= this->size() (which is 0)"
            )
        if serial is not None and serial not in self.devices:
            raise RuntimeError("Could not find device with given serial number")
        device = self.devices[serial or next(iter(self.devices))]
        if isinstance(device, Exception):
            raise device
        return device


def store(*events: tuple[int, int, int, bool]) -> Any:
    """Return a real dv_processing.EventStore of (t, x, y, polarity)."""
    events_store = dv.EventStore()
    for t, x, y, p in events:
        events_store.push_back(t, x, y, p)
    return events_store
