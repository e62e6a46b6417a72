"""M3ED as image-event pairs with 19 classes: a car, a legged robot and a drone, 1280x720.

Layout: ``M3ED/**/NAME_data.h5`` with ``NAME_semantics.h5`` beside it (its classes are a network's,
InternImage's); ``training/data/m3ed.py`` says what is read of them.
Windows: of the asked length, ending at a picture. The last fifth of each sequence is held out.
"""

from __future__ import annotations

from training.data.m3ed import LABELS, M3edScenes


class M3ed(M3edScenes):
    """Windows with a class for each pixel."""

    name = "m3ed"
    known = "class_ids"
    segmentation_labels = LABELS


dataset = M3ed
