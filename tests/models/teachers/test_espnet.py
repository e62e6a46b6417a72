from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.teachers.espnet import EspNet, EspNetTeacher, Pyramid
from models.teachers.teacher import TeacherError
from training.data.still import load_still_set


def test_every_pixel_has_scores_at_any_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "espnet.pth"
    torch.save(EspNet().state_dict(), path)
    teacher = EspNetTeacher(path)
    for height, width in ((32, 48), (30, 45)):
        shown = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8)
        scores = teacher.logits(shown)
        assert scores.shape == (2, 12, height, width)
        assert torch.isfinite(scores).all()
        assert torch.equal(scores, teacher.logits(shown))


def test_the_network_has_the_published_number_of_parameters() -> None:
    assert sum(value.numel() for value in EspNet().parameters()) == pytest.approx(358e3, rel=0.02)


def test_a_pyramid_of_zeros_passes_its_input_on() -> None:
    pyramid = Pyramid(10, 10, is_residual=True).eval()
    with torch.no_grad():
        pyramid.c1.conv.weight.zero_()
        x = torch.rand(1, 10, 6, 6)
        torch.testing.assert_close(pyramid(x), x, rtol=1e-2, atol=1e-3)  # PReLU of what is positive


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"no teacher .*none\.pth: set SACCADE_DATA"):
        EspNetTeacher(tmp_path / "none.pth")


def test_other_weights_are_told(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(TeacherError, match="does not hold ESPNet") as told:
        EspNetTeacher(path)
    assert "\n" not in str(told.value)


def test_the_published_weights_know_camvid(data_folder: Path) -> None:
    name = "decoder_espnet_p_2_q_8_camvid.pth"
    teacher = EspNetTeacher(data_folder / "weights" / "espnet" / name)
    stills = load_still_set("camvid", data_folder)
    right = known = 0
    for i in (0, 50, 100):
        pixels = torch.from_numpy(np.array(stills.picture("val", i))).permute(2, 0, 1)[None]
        said = teacher.logits(pixels)[0].argmax(0).numpy()
        truth = stills.class_ids("val", i)
        assert truth is not None
        right += int((said == truth).sum())
        known += int((truth != 255).sum())
    assert right / known > 0.8
