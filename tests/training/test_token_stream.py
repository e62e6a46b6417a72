from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.encoders import vit
from models.encoders.encoder import Encoder, Tokens
from models.teachers.teacher import Teacher
from training.data import token_stream
from training.data.frame_tokens import Tokenizer
from training.data.token_sequence import Layout, arrange
from training.data.token_stream import FilmBatch, TokenBatch, TokenFeed
from training.methods import gep_generate
from training.recipe import Recipe, Stage

F, N, D = 3, 4, 8
STAGE = Stage(steps=3, height=32, width=32, batch_size=2)


class StripeTeacher(Teacher):
    """Says of each patch of 16 pixels its mean colour, over and over."""

    name, width, patch_stride, fingerprint = "stripes", D, 16, "stripes"

    def tokens(self, images_B3HW: Tensor) -> Tokens:
        pooled = torch.nn.functional.avg_pool2d(images_B3HW.float() / 255, 16)
        patches = pooled.flatten(2).transpose(1, 2).repeat(1, 1, 3)[:, :, :D]
        return Tokens(patches, patches[:, :0], *pooled.shape[2:])


def encoder(width: int = D) -> Encoder:
    torch.manual_seed(0)
    return vit.Config(width=width, depth=4, num_attention_heads=2).build(5).eval()


def tokenizer() -> Tokenizer:
    return Tokenizer(encoder(), StripeTeacher())


def feed(**values: object) -> TokenFeed:
    known: dict[str, object] = {
        "sequences": {"synthetic": 3},
        "num_windows": F,
        "window_tokens": 20,
    }
    data = token_stream.Config(**(known | values))  # type: ignore[arg-type]
    recipe = Recipe(name="test", stages=(STAGE,), data=data, method=gep_generate.Config())
    return data.build(recipe)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def film() -> tuple[Tensor, Tensor]:
    event = torch.arange(F * N * D, dtype=torch.float32).reshape(F, N, D)
    return event, 1000 + event


def test_events_and_pictures_alternate_in_time_order() -> None:
    event, image = film()
    tokens, modality = arrange(event, image, Layout(), is_static=False)
    expected = [each for pair in zip(event, image, strict=True) for each in pair]
    assert torch.equal(tokens, torch.cat(expected))
    assert modality.tolist() == ([2] * N + [1] * N) * F


@pytest.mark.parametrize(("modality", "ids"), [("event", 4), ("image", 3)])
def test_one_kind_may_stand_alone_and_still_pictures_have_ids_of_their_own(
    modality: str, ids: int
) -> None:
    event, image = film()
    layout = Layout(modality=modality)  # type: ignore[arg-type]
    tokens, said = arrange(event, image, layout, is_static=True)
    assert torch.equal(tokens, (event if modality == "event" else image).flatten(0, 1))
    assert said.tolist() == [ids] * (F * N)


def test_zero_tokens_mark_the_ends_of_frames_and_of_the_sequence() -> None:
    layout = Layout(modality="event", has_sos=True, has_eos=True)
    tokens, modality = arrange(*film(), layout, is_static=False)
    assert modality.tolist() == ([2] * N + [0]) * F + [0] * N
    assert not tokens[modality == 0].any()
    assert tokens[modality == 2].flatten()[1:].all()


def test_groups_of_frames_become_averages_over_time_and_over_space() -> None:
    event, image = film()
    tokens, modality = arrange(event, image, Layout(frame_group=4), is_static=False)
    first = torch.stack([event[0], image[0], event[1], image[1]])
    assert torch.equal(tokens[:N], first.mean(0))
    assert torch.equal(tokens[N : N + 4], first.mean(1))
    assert modality.tolist() == [2] * N + [2, 1, 2, 1] + [2] * N + [2, 1]
    only, ids = arrange(event[:1], image[:1], Layout(frame_group=4), is_static=True)
    assert (len(only), ids.tolist()) == (N + 2, [4] * N + [4, 3])


@pytest.mark.parametrize("modality", ["both", "event"])
@pytest.mark.parametrize("group", [1, 2, 8])
@pytest.mark.parametrize("marks", [(False, False), (True, True)])
def test_the_number_of_tokens_is_known_before(
    modality: str, group: int, marks: tuple[bool, bool]
) -> None:
    layout = Layout(
        modality=modality,  # type: ignore[arg-type]
        frame_group=group,
        has_sos=marks[0],
        has_eos=marks[1],
    )
    tokens, ids = arrange(*film(), layout, is_static=False)
    assert len(tokens) == len(ids) == layout.num_tokens(F, N)


def test_cached_samples_are_stretches_of_one_stream_of_the_scenes() -> None:
    tokens = feed()
    tokens.fill(tokenizer())
    assert tokens.cache is not None
    scenes = [arrange(*tokens.cache.scene(i), Layout(), is_static=False) for i in range(3)]
    stream, ids = (torch.cat(each) for each in zip(*scenes, strict=True))
    samples = tokens.samples(STAGE)
    starts = set()
    for i in range(12):
        sample = samples[i]
        (start,) = (
            at for at in range(len(stream) - 20) if torch.equal(stream[at : at + 21], sample.tokens)
        )
        assert torch.equal(sample.modality, ids[start : start + 21])
        starts.add(start)
        assert sample.name == f"synthetic/{start // (2 * F * N)}"
    assert len(starts) > 8
    assert any(start % N for start in starts)


def test_cached_tokens_are_what_encoder_and_teacher_say_of_the_scene() -> None:
    tokens = feed()
    both = tokenizer()
    tokens.fill(both)
    assert tokens.cache is not None
    frames = tokens.camera.show(tokens.datasets[0], tokens.scenes()[1])
    event, image = both(torch.from_numpy(frames.events), torch.from_numpy(frames.images))
    kept = tokens.cache.scene(1)
    torch.testing.assert_close(kept[0], event, atol=2e-3, rtol=2e-3)
    torch.testing.assert_close(kept[1], image, atol=2e-3, rtol=2e-3)


def test_tokens_are_made_once_and_anew_for_another_encoder(cache: Path) -> None:
    for _ in range(2):
        feed().fill(tokenizer())
    files = list(cache.rglob("*.safetensors"))
    assert len(files) == 1
    made_ns = files[0].stat().st_mtime_ns
    feed().fill(tokenizer())
    assert files[0].stat().st_mtime_ns == made_ns
    other = Tokenizer(encoder(), StripeTeacher())
    with torch.no_grad():
        next(other.encoder.parameters()).mul_(2)
    feed().fill(other)
    assert len(list(cache.rglob("*.safetensors"))) == 2


def test_batches_are_stacked_and_decided_by_their_numbers() -> None:
    tokens = feed()
    tokens.fill(tokenizer())
    first, again = tokens.samples(STAGE), tokens.samples(STAGE)
    batch = tokens.collate([first[4], first[5]])
    assert isinstance(batch, TokenBatch)
    assert batch.tokens.shape == (len(batch), 21, D)
    assert batch.modality.shape == (2, 21)
    assert torch.equal(batch.to(torch.device("cpu")).tokens[1], again[5].tokens)


def test_online_samples_are_the_frames_of_a_scene() -> None:
    tokens = feed(tokens="online")
    samples = tokens.samples(STAGE)
    batch = tokens.collate([samples[0], samples[1]])
    assert isinstance(batch, FilmBatch)
    assert batch.events.shape == (2, F, 5, 32, 32)
    assert batch.images.shape == (2, F, 3, 32, 32)
    assert batch.is_static == (False, False)
    assert torch.equal(batch.to(torch.device("cpu")).events, batch.events)


def test_still_pictures_make_pairs_of_their_own() -> None:
    tokens = feed(tokens="online")
    tokens.datasets[0].is_film = False
    sample = tokens.samples(STAGE)[0]
    assert sample.is_static
    assert len(sample.events) == F
    assert all(scene.num_windows == 1 for scene in tokens.scenes())


def test_too_few_scenes_and_widths_that_differ_are_one_line() -> None:
    small = feed(window_tokens=100)
    small.fill(tokenizer())
    with pytest.raises(ValueError, match="all scenes have 72 tokens, a sample needs 101: raise"):
        small.samples(STAGE)
    with pytest.raises(ValueError, match="tokens are 16 wide, those of teacher stripes 8: one seq"):
        Tokenizer(encoder(16), StripeTeacher())


def test_grids_of_encoder_and_teacher_must_be_one() -> None:
    teacher = StripeTeacher()
    coarse = vit.Config(width=D, depth=4, num_attention_heads=2, patch_size=8).build(5)
    with pytest.raises(ValueError, match="encoder has 4x4 tokens, teacher stripes 2x2: choose"):
        Tokenizer(coarse, teacher)(torch.zeros(1, 5, 32, 32), torch.zeros(1, 3, 32, 32))


class StillSet:
    """A data set that knows single windows only."""

    name = "stills"

    def __init__(self, with_pictures: bool) -> None:
        self.synthetic = feed().datasets[0]
        self.with_pictures = with_pictures

    def num_windows(self, split: str) -> int:
        return 1

    def window(self, *place: object, **ways: bool) -> object:
        window = self.synthetic.window(*place, **ways)  # type: ignore[arg-type]
        return window if self.with_pictures else replace(window, image=None)


def test_data_sets_without_sequences_or_pictures_are_named() -> None:
    tokens = feed()
    scene = tokens.scenes()[0]
    with pytest.raises(ValueError, match="stills has no consecutive windows"):
        tokens.camera.show(StillSet(True), scene)  # type: ignore[arg-type]
    alone = replace(scene, num_windows=1)
    shown = tokens.camera.show(StillSet(True), alone)  # type: ignore[arg-type]
    assert shown.images.shape == (1, 3, 32, 32)
    assert np.isfinite(shown.events).all()
    with pytest.raises(ValueError, match="stills has no pictures"):
        tokens.camera.show(StillSet(False), alone)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sequences": {}}, "data.sequences must be 0 or more, not all 0"),
        ({"sequences": {"camvid": 0}}, "data.sequences must be 0 or more, not all 0"),
        ({"num_windows": 0}, "data.num_windows must be at least 1, got 0"),
        ({"window_tokens": 0}, "data.window_tokens must be at least 1, got 0"),
    ],
)
def test_feeds_that_cannot_be_are_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        token_stream.Config(**values)  # type: ignore[arg-type]
