"""Opens the teacher of a hub name or a local folder: the folder of teachers is the registry."""

from __future__ import annotations

import importlib
import pkgutil

import models.teachers
from models.published_weights import published_config
from models.teachers.pretrained import PretrainedTeacher
from models.teachers.teacher import TeacherError


def teacher_classes() -> dict[str, type[PretrainedTeacher]]:
    """Return the class for every ``model_type`` of transformers' that a file here is for."""
    found: dict[str, type[PretrainedTeacher]] = {}
    for module in pkgutil.iter_modules(models.teachers.__path__):
        choice = getattr(importlib.import_module(f"models.teachers.{module.name}"), "teacher", None)
        if isinstance(choice, type) and issubclass(choice, PretrainedTeacher):
            found.update(dict.fromkeys(choice.MODEL_TYPES, choice))
    return found


def open_teacher(name: str) -> PretrainedTeacher:
    """Return the teacher in a local folder or of a hub name.

    Raises:
        TeacherError: neither can be had, or it is of a kind that no file here is for.
    """
    try:
        config = published_config(str(name))
    except ValueError as error:
        raise TeacherError(str(error)) from None
    classes = teacher_classes()
    if config.model_type not in classes:
        raise TeacherError(
            f"{name} is a model of type {config.model_type}, no teacher that we know: give one of "
            f"type {', '.join(sorted(classes))}"
        )
    return classes[config.model_type](str(name), config)
