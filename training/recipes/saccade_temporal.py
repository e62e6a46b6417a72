"""Saccade's own, second stage: GEP's causal transformer over the tokens of the first."""

from __future__ import annotations

from dataclasses import replace

from training.recipe import Recipe
from training.recipes import gep_generate, saccade


def recipe() -> Recipe:
    """Return a run of a quarter of an hour on one core, after ``saccade train saccade``."""
    first, generate = saccade.recipe(), gep_generate.recipe()
    return replace(
        generate,
        name="saccade-temporal",
        initial="out/saccade/model.safetensors",
        spec=first.spec,
        encoder=replace(first.encoder, initial=None),
    )
