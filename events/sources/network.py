"""NetworkSource: the event stream of a dv-processing NetworkWriter, over TCP or a Unix socket."""

from __future__ import annotations

import os

from events.live.child_acquisition import ChildAcquisition
from events.live.live_source import LiveSource
from events.live.open_device import split_host_port
from events.sources.source import SourceError


class NetworkSource(LiveSource):
    """Connects in a child process: a silent or foreign server cannot freeze the program.

    Opening fails when the server is absent or does not answer within ``connect_limit_s``; once
    open, a lost connection is tried again for ever, with a back-off of up to 2 s, while empty
    packets flow.
    """

    def __init__(self, address: str, *, connect_limit_s: float = 2.0) -> None:
        """Remember the address.

        Args:
            address: "tcp://HOST:PORT" or "unix:PATH".
            connect_limit_s: How long the server may take to answer.

        Raises:
            SourceError: the address has neither form.
        """
        if os.name != "posix":
            raise SourceError(f"{address}: network streams need Linux or macOS")
        if not address.startswith("unix:"):
            try:
                split_host_port(address)
            except ValueError as error:
                raise SourceError(str(error)) from None
        elif len(address) == len("unix:"):
            raise SourceError("a Unix socket's address must be unix:PATH, got no path")
        acquisition = ChildAcquisition(address, connect_limit_s=connect_limit_s)
        super().__init__(acquisition, name=address, reconnects=True)

    def _explain(self, reason: str) -> str:
        if "refused" in reason or "No such file" in reason:
            return f"{self._address}: no server there ({reason}): start it first"
        if "did not answer" in reason:
            return f"{self._address}: {reason}: is it a dv-processing NetworkWriter?"
        if "Errno" in reason or "resol" in reason:
            return f"{self._address}: {reason}: check the host's name and the network"
        return f"{self._address}: {reason}"
