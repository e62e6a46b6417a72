"""Addresses, as texts, to open inputs of dv-processing."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

from events.live.dv_reader import dv_processing

BATCH_DURATION = timedelta(milliseconds=5)


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


def open_camera(serial: str | None) -> Any:
    """Open the camera with that serial number, or the first one."""
    cameras = dv_processing().io.camera
    device = cameras.open(serial) if serial else cameras.open()
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
