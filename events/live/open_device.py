"""Addresses, as texts, to open inputs of dv-processing."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from events.live.dv_reader import dv_processing, error_line

BATCH_DURATION = timedelta(milliseconds=5)
UNREAD_SWITCHES = (
    "setFramesRunning",
    "setImuRunningAccelerometer",
    "setImuRunningGyroscope",
    "setImuRunningTemperature",
)
UDEV_RULE = 'SUBSYSTEM=="usb", ATTR{idVendor}=="152a", ATTR{idProduct}=="84[0-1]?", MODE="0666"'
UDEV_FILE = "/etc/udev/rules.d/65-event-camera.rules"
UDEV_CURE = (
    f"allow its use: echo '{UDEV_RULE}' | sudo tee {UDEV_FILE} && "
    "sudo udevadm control --reload && sudo udevadm trigger"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCamera:
    """A camera on the USB that is not open."""

    serial: str
    """Empty where the user may not ask the device."""
    model: str


def open_device(address: str) -> Any:
    """Open "tcp://HOST:PORT", "unix:PATH", "camera" or "camera:SERIAL".

    Raises:
        Exception: whatever dv-processing raises; a silent or foreign server makes it hang for ever.
    """
    kind, _, rest = address.partition(":")
    if kind == "camera":
        return open_camera(rest or None)
    if kind == "unix":
        return dv_processing().io.NetworkReader(rest)
    host, port = split_host_port(address)
    # dv-processing takes no names
    family_first = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    return dv_processing().io.NetworkReader(family_first[0][4][0], port)


def find_cameras(cameras: Any = None) -> list[FoundCamera]:
    """Return the cameras on the USB; none also where dv-processing does not load."""
    try:
        found = (cameras or dv_processing().io.camera).discover()
    except Exception:  # no USB at all, or no dv-processing: `saccade doctor` tells which
        return []
    return [FoundCamera(serial=str(d.serialNumber), model=d.cameraModel.name) for d in found]


def open_camera(serial: str | None, cameras: Any = None) -> Any:
    """Open the camera with that serial number, or the first one, to give events only.

    Raises:
        RuntimeError: there is no such camera, or no permission; with the cure.
    """
    cameras = cameras or dv_processing().io.camera
    found = find_cameras(cameras)  # first: open() without a camera raises IndexError
    if not found:
        raise RuntimeError(f"no event camera found: plug one in; if one is, {UDEV_CURE}")
    serials = [camera.serial for camera in found]
    if serial is not None and serial not in serials:
        raise RuntimeError(f"no camera with the serial number {serial}: found {', '.join(serials)}")
    try:
        device = cameras.open(serial or serials[0]) if any(serials) else cameras.open()
    except Exception as error:
        line = error_line(error)
        is_access = "permission" in line or "ACCESS" in line or not any(serials)
        cure = f"close the other program, or {UDEV_CURE}" if is_access else "plug it in again"
        raise RuntimeError(f"the camera does not open ({line}): {cure}") from None
    for name in UNREAD_SWITCHES:  # what nobody reads would pile up in memory
        if switch := getattr(device, name, None):
            switch(False)
    device.setTimeInterval(BATCH_DURATION)
    return device


def split_host_port(address: str) -> tuple[str, int]:
    """Return the parts of "tcp://HOST:PORT".

    Raises:
        ValueError: the address is not of that form, or the port not between 1 and 65535.
    """
    host, separator, port = address.removeprefix("tcp://").rpartition(":")
    if not address.startswith("tcp://") or not separator or not host or not port.isdecimal():
        raise ValueError(f"a network address must be tcp://HOST:PORT or unix:PATH, got {address!r}")
    if not 1 <= int(port) <= 65535:
        raise ValueError(f"a port must lie between 1 and 65535, got {port} in {address!r}")
    return host, int(port)
