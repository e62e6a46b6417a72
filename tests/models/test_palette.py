from __future__ import annotations

from models.palette import PALETTE, UNLABELLED, color_of, color_table


def test_every_known_label_has_a_colour_of_its_own():
    assert len(set(PALETTE.values())) == len(PALETTE)
    assert all(0 <= channel <= 255 for color in PALETTE.values() for channel in color)


def test_a_colour_belongs_to_the_label_whatever_its_case():
    assert color_of("Car") == color_of(" car ") == PALETTE["car"]


def test_an_unknown_label_keeps_its_colour_on_every_run():
    assert color_of("espresso") == color_of("ESPRESSO") == (60, 126, 163)


def test_the_table_follows_the_labels_order():
    table = color_table(("sky", "road"))
    assert table.shape == (2, 3)
    assert tuple(table[1].tolist()) == PALETTE["road"]
    assert color_table(()).shape == (0, 3)


def test_unlabelled_pixels_are_named():
    assert "background" in UNLABELLED
