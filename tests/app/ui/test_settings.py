from __future__ import annotations

from dataclasses import replace

from app.ui import settings as store


def test_the_first_start_has_defaults_and_no_notes(settings_folder):
    assert store.load(store.open_settings()) == (store.Preferences(), [])


def test_what_was_saved_is_loaded(settings_folder):
    wanted = replace(
        store.Preferences(), opacity=0.25, filters=("background",), theme="light", seed=7
    )
    store.save(store.open_settings(), wanted)
    assert store.load(store.open_settings()) == (wanted, [])


def test_unknown_keys_are_said_and_left_alone(settings_folder):
    settings = store.open_settings()
    settings.setValue("holographic_mode", "true")
    settings.sync()
    preferences, notes = store.load(store.open_settings())
    assert preferences == store.Preferences()
    assert notes == ["settings of another version left alone: holographic_mode"]
    store.save(store.open_settings(), preferences)
    assert "holographic_mode" in store.open_settings().allKeys()


def test_values_that_cannot_be_used_are_said_and_replaced(settings_folder):
    settings = store.open_settings()
    settings.setValue("view", '"hologram"')
    settings.setValue("opacity", "much")
    settings.setValue("length_ms", "1e9")
    settings.sync()
    preferences, notes = store.load(store.open_settings())
    assert len(notes) == 2
    assert preferences.view == "surface"
    assert preferences.length_ms == store.RANGES["length_ms"].greatest


def test_a_provider_that_only_the_command_line_knows_is_not_remembered(settings_folder):
    store.save(store.open_settings(), store.Preferences(provider="cuda"))
    store.save(store.open_settings(), store.Preferences(provider="torch", seed=7))
    assert store.load(store.open_settings()) == (store.Preferences(provider="cuda", seed=7), [])


def test_recent_files_are_ten_and_the_newest_comes_first():
    preferences = store.Preferences()
    for number in (*range(12), 5):
        preferences = preferences.with_recent(f"/{number}.aedat4")
    assert preferences.recent[:2] == ("/5.aedat4", "/11.aedat4")
    assert len(preferences.recent) == store.NUM_RECENT


def test_defaults_lie_in_their_ranges():
    for name, limits in store.RANGES.items():
        value = getattr(store.Preferences(), name)
        assert limits.clamp(value) == value
    for name, choices in store.CHOICES.items():
        assert getattr(store.Preferences(), name) in choices
