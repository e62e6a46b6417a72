"""Display: shows at each tick what is new of the session, and only that."""

from __future__ import annotations

import itertools
import time

from app.filter_choices import FILTERS
from app.render import (
    EventColors,
    Image,
    accumulated_image,
    overlay_segmentation,
    surface_image,
    voxel_image,
)
from app.scene import PipelineState, Scene, Stats
from app.truth_worker import HasTruth, TruthWorker
from app.ui.layout import Parts
from app.ui.rate_history import RateHistory
from app.ui.session import Session
from app.ui.settings import Preferences
from app.ui.theme import THEMES
from app.ui.token_display import TokenDisplay
from app.ui.top_bar import source_title
from app.warm_up import WarmUp
from events.filters import preview
from events.surface import Surface
from models.results import Prediction

MEANING_S, FIGURES_S, RATES_S, PREVIEW_S = 0.1, 0.2, 0.4, 0.6 / len(FILTERS)
"""How often scores, figures, the timeline's rates and one filter's preview change: slow enough to
be read."""
DRAW_SHARE = 0.25
"""Of the time, for the picture: on a slow machine the network needs the rest more than 60 Hz."""
QUICK_S = 0.004
"""A picture drawn in less leaves time for more in its tick."""
PREVIEW_EVENTS = 100_000
TRUTH_ROOM = 560
"""Height of the stage from which the truth has its place."""
NUM_VOXEL_BINS = 5


class Display:
    """Knows what is on screen; all in the GUI's thread."""

    def __init__(self, session: Session, parts: Parts, preferences: Preferences) -> None:
        self._session = session
        self._parts = parts
        self._preferences = preferences
        self._scene: Scene | None = None
        self._untaken: Scene | None = None
        """A scene that came before it could be drawn."""
        self._history: RateHistory | None = None
        self._truth: TruthWorker | None = None
        self._warm_up = WarmUp()
        self._drawn: tuple[object, ...] = ()
        self._draw_due_s = 0.0
        self._due_s = dict.fromkeys(("meaning", "figures", "rates", "preview"), 0.0)
        self._previewed = itertools.cycle(FILTERS)
        self._opened_s = 0.0
        self._message = ""
        self._has_seen_events = False
        self.tokens = TokenDisplay(parts.picture, parts.right.token_legend, self.redraw)
        self.has_shown_prediction = False
        """Whether a prediction of this source was on screen."""
        self.follow(preferences)

    @property
    def can_record(self) -> bool:
        """Whether events flow, so that a recording would not be empty."""
        is_open = self._session.state in (PipelineState.RUNNING, PipelineState.PAUSED)
        return is_open and self._has_seen_events

    def follow(self, preferences: Preferences) -> None:
        """Show what the preferences say."""
        self._preferences = preferences
        parts = self._parts
        parts.hud.setVisible(preferences.shows_hud)
        parts.left.setVisible(preferences.left_open)
        parts.right.setVisible(preferences.right_open)
        parts.right.follow(preferences)
        parts.top.show_overlay_possible(preferences.view != "voxel")
        self.redraw()

    def redraw(self) -> None:
        """Draw the picture again at the next tick, though nothing came."""
        self._drawn, self._draw_due_s = (), 0.0

    def show_engine(self) -> None:
        """Begin anew with what only one engine's outputs share; another one was loaded."""
        self.tokens.forget()
        self.redraw()

    def show_source(self) -> None:
        """Begin anew: another source was asked for, or none plays any more."""
        self._scene = self._untaken = self._history = None
        self.has_shown_prediction = self._has_seen_events = False
        self._stop_truth()
        self.tokens.forget()
        self.redraw()
        self._opened_s = time.monotonic()
        parts = self._parts
        parts.right.clear()
        parts.hud.clear()
        parts.truth.hide()
        parts.picture.show_image(None)
        parts.transport.show_stream(None, is_seekable=False)
        parts.left.source.show_input(self._session.text)
        parts.top.show_title("")
        parts.pages.setCurrentWidget(parts.start)
        parts.start.show_progress("")

    def close(self) -> None:
        """End what runs beside the window."""
        self._stop_truth()
        self._warm_up.join()

    def _stop_truth(self) -> None:
        if self._truth is not None:
            self._truth.stop()
            self._truth = None

    def tick(self, scene: Scene | None) -> None:
        """Show what is new."""
        if scene is not None:
            self._untaken = scene
        if not self._is_showing:
            self._show_waiting()
            return
        if self._history is None:
            self._show_opened()
        if self._untaken is not None:
            self._take_scene(self._untaken)
            self._untaken = None
        now_s, drawing_s = time.monotonic(), 0.0
        if now_s >= self._draw_due_s:
            self._draw_picture()
            drawing_s = time.monotonic() - now_s
            self._draw_due_s = now_s + drawing_s / DRAW_SHARE
        self._show_position()
        if drawing_s > QUICK_S:
            return  # the next tick, which need not draw, has time for what changes now and then
        # One in a tick: together they would hold up the next one.
        if self._is_due("meaning", MEANING_S, now_s):
            self._show_meaning()
        elif self._is_due("figures", FIGURES_S, now_s):
            self._show_figures()
        elif self._is_due("rates", RATES_S, now_s):
            self._parts.transport.timeline.show_rates()
        elif self._is_due("preview", PREVIEW_S, now_s):
            self._show_preview(next(self._previewed))

    @property
    def _is_showing(self) -> bool:
        """Whether there is something to draw, and drawing will not wait for the compiler."""
        surface = self._session.surface
        if surface is None or self._session.state is PipelineState.IDLE:
            return False
        return bool(surface.clock_us) and self._warm_up.is_done

    def _is_due(self, what: str, every_s: float, now_s: float) -> bool:
        if now_s < self._due_s[what]:
            return False
        self._due_s[what] = now_s + every_s
        return True

    # A source's beginning

    def _show_waiting(self) -> None:
        """Say what is being opened, and for how long; what shows nothing leaves the start page."""
        waited_s = time.monotonic() - self._opened_s
        elapsed = f"  {waited_s:.0f} s" if waited_s >= 1 else ""
        if self._session.is_opening:
            self._parts.start.show_progress(f"Opening {self._session.text}…{elapsed}")
        elif self._session.state is PipelineState.RUNNING:
            self._parts.start.show_progress(f"Preparing {self._session.text}…{elapsed}")
        else:
            self._parts.start.show_progress("")
            if self._session.state is PipelineState.FAILED:
                self._parts.left.source.show_input("")
            elif self._session.state is PipelineState.ENDED and not self._session.stats().clock_us:
                self._show_source_message(f"{self._session.text} has no events")

    def _show_opened(self) -> None:
        session, parts = self._session, self._parts
        source, seekable = session.source, session.seekable
        assert source is not None
        if seekable is not None:
            self._history = RateHistory(seekable.start_us, seekable.end_us)
        else:
            self._history = RateHistory(session.stats().clock_us, None)
        parts.pages.setCurrentWidget(parts.stage)
        parts.top.show_title(source_title(source.name, session.sensor))
        parts.transport.show_stream(self._history, is_seekable=seekable is not None)
        if isinstance(source, HasTruth):
            self._truth = TruthWorker(source)

    # Each tick

    def _take_scene(self, scene: Scene) -> None:
        assert self._history is not None
        self._scene = scene
        packet = scene.packet
        self._history.add(packet.start_us, packet.end_us, len(packet), only_gaps=True)
        newest = packet.between(packet.end_us - self._session.stride_us, packet.end_us)
        self._history.add(newest.start_us, newest.end_us, len(newest))
        if scene.prediction is not None:
            self.has_shown_prediction = True
        if self._truth is not None:
            self._truth.put(scene)

    def _draw_picture(self) -> None:
        surface, scene, preferences = self._session.surface, self._scene, self._preferences
        if surface is None:
            return
        key = (surface.clock_us, surface.num_events, scene)
        if key == self._drawn:
            return
        is_new_scene, self._drawn = self._drawn[2:] != (scene,), key
        colors = THEMES[preferences.theme].events
        image = self._events_image(surface, colors)
        prediction = scene.prediction if scene is not None else None
        depth = prediction.depth if prediction else None
        if depth is not None and preferences.shows_depth and is_new_scene:
            self._parts.right.show_depth(depth)
        self._lay_over(image, prediction or Prediction(), colors)
        self._parts.picture.show_image(image)

    def _events_image(self, surface: Surface, colors: EventColors) -> Image:
        scene, preferences = self._scene, self._preferences
        if preferences.view == "surface" or scene is None:
            return surface_image(
                surface.newest_us,
                surface.polarity,
                surface.clock_us,
                decay_us=round(1000 * preferences.decay_ms),
                colors=colors,
            )
        if preferences.view == "accumulated":
            return accumulated_image(scene.packet, colors=colors)
        return voxel_image(scene.packet, NUM_VOXEL_BINS, colors=colors)

    def _lay_over(self, image: Image, prediction: Prediction, colors: EventColors) -> None:
        """Blend classes or tokens into a picture of the sensor's pixels."""
        preferences = self._preferences
        has_pixels = preferences.view != "voxel"
        segmentation, tokens = prediction.segmentation, prediction.tokens
        if (
            segmentation is not None
            and preferences.shows_segmentation
            and has_pixels
            and segmentation.class_ids.shape == image.shape[:2]
        ):
            overlay_segmentation(image, segmentation, opacity=preferences.opacity, colors=colors)
        if tokens is not None and preferences.shows_tokens and has_pixels:
            self.tokens.lay_over(image, tokens, preferences, colors)
        else:
            self.tokens.hide()

    def _show_position(self) -> None:
        session, transport, history = self._session, self._parts.transport, self._history
        assert history is not None
        transport.show_playing(session.state is PipelineState.RUNNING)
        surface = session.surface
        if surface is not None and surface.num_events:
            self._has_seen_events = True
        if surface is not None and surface.clock_us:
            start_us = history.start_us if session.seekable is not None else history.first_us
            transport.show_time(surface.clock_us, start_us)
        recording = session.recording
        transport.show_recording(
            recording.duration_us if recording else None, can_record=self.can_record
        )

    # Now and then

    def _show_meaning(self) -> None:
        parts, scene = self._parts, self._scene
        if scene is not None and scene.prediction is not None:
            parts.right.show_prediction(scene.prediction)
        compared = self._truth.take() if self._truth else None
        has_room = parts.stage.height() >= TRUTH_ROOM
        is_bare = scene is not None and scene.prediction is not None and scene.prediction.tokens
        parts.truth.setVisible(self._truth is not None and has_room and not is_bare)
        if compared is not None:
            sensor = compared.scene.packet.sensor
            parts.truth.fit(parts.stage.height(), sensor.width / sensor.height)
            parts.truth.show_compared(compared, parts.right.range_m, self._preferences.colormap)

    def _show_figures(self) -> None:
        stats = self._session.stats()
        if self._scene is None and self._session.engine is not None:
            self._parts.right.show_waiting(self._waiting_text(stats))
        if self._history is not None:
            self._history.follow(stats.clock_us, stats.filtered_rate)
        self._parts.hud.show_stats(stats)
        self._parts.left.show_rates(stats.event_rate, stats.filtered_rate)
        if stats.provider:
            self._parts.top.badge.show_rate(stats.provider, stats.windows_done_per_s)
        self._parts.top.badge.show_fallbacks(stats.num_fallbacks)
        self._show_source_message(stats.message)
        self._show_notes()

    def _waiting_text(self, stats: Stats) -> str:
        """Return what the first prediction waits for: the engine, or in a quiet scene events."""
        num_events = self._session.windows.length_events
        if num_events and not stats.windows_asked_per_s:
            return f"{stats.num_gathered:,} of {num_events:,} events came"
        return f"preparing the first window… {time.monotonic() - self._opened_s:.0f} s"

    def _show_notes(self) -> None:
        """Say what the engine has come to note: its figures go on in the badge's tool tip."""
        for note in self._session.new_notes():
            self._parts.messages.show_message(note, "warning")
        engine = self._session.engine
        self._parts.top.badge.show_notes(engine.notes if engine else ())

    def _show_source_message(self, message: str) -> None:
        """Show what the source says of itself, until it says that all is well again."""
        messages = self._parts.messages
        if message == self._message:
            return
        if message:
            messages.show_message(message, "warning")
        elif messages.text == self._message:
            messages.hide()
        self._message = message

    def hide_message(self) -> None:
        """Hide the message: the next source's is shown even if the last one said the same."""
        self._parts.messages.hide()
        self._message = ""

    def _show_preview(self, name: str) -> None:
        """Show what a filter removes, or would remove."""
        left = self._parts.left
        if not left.isVisible():
            return
        active = dict(zip(left.active_filters(), self._session.filters, strict=False))
        if name in active:
            seen, removed = active[name].num_seen, active[name].num_removed
            left.show_removal(name, removed / seen if seen else 0.0)
            return
        if self._scene is None:
            return
        packet = self._scene.packet
        if len(packet) > PREVIEW_EVENTS:
            packet = packet.between(packet.start_us, int(packet.t[PREVIEW_EVENTS]))
        if len(packet):
            would = preview([FILTERS[name].config], [packet])
            left.show_removal(name, 1 - would.after_hz / would.before_hz)
