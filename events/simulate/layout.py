"""What stands where in a synthetic scene, what it wears and how it moves, drawn from one seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events.simulate.kinds import KINDS, NUM_MATERIALS, Part, footprint_m, parts_of
from events.simulate.raycast import FloatArray, Parts
from events.simulate.surfaces import Materials, Room
from events.simulate.textures import NUM_NOISE_TILES, texture_atlas

Float64Array = npt.NDArray[np.float64]

MIN_LOG_CONTRAST = 0.6
"""Between objects and their surroundings, where it can be had: above the usual thresholds."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Where N objects stand and how they move; angles in rad, rates in rad/s."""

    kinds: npt.NDArray[np.int64]
    """(N,) indices into KINDS."""
    position_m: Float64Array
    """(N, 2) x and z of the middle of the movement."""
    size: Float64Array
    """(N,) factor on the kind's own size."""
    sway_m: Float64Array
    """(N, 2) amplitudes along x and z."""
    sway_rate: Float64Array
    """(N, 2) rad/s of the sway."""
    sway_phase: Float64Array
    """(N, 2)"""
    yaw: Float64Array
    """(N,) at time 0."""
    yaw_rate: Float64Array
    """(N,) rad/s."""
    hop_m: Float64Array
    """(N,) height of the jumps of those that jump."""
    hop_rate: Float64Array
    """(N,) rad/s; a jump takes pi / hop_rate seconds."""
    shadow_m: FloatArray
    """(N,) radius of the contact shadow."""

    def poses(self, t_s: float) -> FloatArray:
        """Return (N, 5) float32: x, y, z in metres, yaw, size."""
        poses = np.empty((len(self.kinds), 5), np.float32)
        place = self.position_m + self.sway_m * np.sin(self.sway_rate * t_s + self.sway_phase)
        poses[:, 0], poses[:, 2] = place[:, 0], place[:, 1]
        poses[:, 1] = self.hop_m * np.abs(np.sin(self.hop_rate * t_s + self.sway_phase[:, 0]))
        poses[:, 3] = (self.yaw + self.yaw_rate * t_s) % (2 * math.pi)
        poses[:, 4] = self.size
        return poses


def draw_objects(
    random: np.random.Generator, num_near: int, num_far: int, motion: float
) -> Objects:
    """Return objects all around the origin, every kind once before any comes twice.

    Args:
        random: Decides all.
        num_near: Objects on a ring 1.8 to 3.4 m from the origin.
        num_far: Objects 4.2 to 7.5 m from the origin.
        motion: Factor on all speeds.
    """
    num = num_near + num_far
    rounds = [random.permutation(len(KINDS)) for _ in range(-(-num // len(KINDS)))]
    kinds = np.concatenate(rounds)[:num]
    # neighbours keep their distance: each has a sector of its own
    sector = np.concatenate(
        (
            np.arange(num_near) * (2 * math.pi / num_near),
            np.arange(num_far) * (2 * math.pi / max(num_far, 1)),
        )
    )
    spread = np.repeat((0.25 * math.pi / num_near, math.pi / max(num_far, 1)), (num_near, num_far))
    angle = random.uniform(0, 2 * math.pi) + sector + random.uniform(-1, 1, num) * spread
    # every other one of the ring is nearer, so that one object mostly outshines its neighbours
    ring_m = np.where(
        np.arange(num_near) % 2,
        random.uniform(2.7, 3.4, num_near),
        random.uniform(1.8, 2.2, num_near),
    )
    distance_m = np.concatenate((ring_m, random.uniform(4.2, 7.5, num_far)))
    moves = random.random(num) < 0.6
    turns = random.random(num) < 0.6
    is_ball = kinds == KINDS.index("ball")
    hops = is_ball & (random.random(num) < 0.5)
    size = random.uniform(0.75, 1.15, num)
    footprints = np.array([footprint_m(KINDS[kind]) for kind in kinds])
    return Objects(
        kinds=kinds,
        position_m=np.stack((np.sin(angle), np.cos(angle)), axis=1) * distance_m[:, None],
        size=size,
        sway_m=random.uniform(0.05, 0.2, (num, 2)) * moves[:, None],
        sway_rate=random.uniform(0.8, 3, (num, 2)) * motion,
        sway_phase=random.uniform(0, 2 * math.pi, (num, 2)),
        yaw=random.uniform(0, 2 * math.pi, num),
        yaw_rate=random.uniform(-1.2, 1.2, num) * turns * motion,
        hop_m=random.uniform(0.1, 0.4, num) * hops,
        hop_rate=random.uniform(2, 5, num) * motion,
        shadow_m=(1.25 * footprints * size).astype(np.float32),
    )


def assemble(objects: Objects) -> Parts:
    """Return the primitives of all objects, flat; materials 2 and up are theirs, three for each."""
    pairs: list[tuple[int, Part]] = [
        (index, part) for index, kind in enumerate(objects.kinds) for part in parts_of(KINDS[kind])
    ]
    parts = [part for _, part in pairs]
    material = [2 + NUM_MATERIALS * index + part.material for index, part in pairs]
    return Parts(
        object_index=np.array([index for index, _ in pairs], np.int32),
        shape=np.array([part.shape for part in parts], np.int32),
        centre_m=np.array([part.centre_m for part in parts], np.float32),
        half_size_m=np.array([part.half_size_m for part in parts], np.float32),
        tilt_rad=np.array([part.tilt_rad for part in parts], np.float32),
        top_ratio=np.array([part.top_ratio for part in parts], np.float32),
        material=np.array(material, np.int32),
    )


def draw_materials(random: np.random.Generator, num_objects: int) -> Materials:
    """Return random materials: ground, wall, then three for each object, of contrasting albedo."""
    num = 2 + NUM_MATERIALS * num_objects
    tile = random.integers(0, len(texture_atlas()), num)
    tiles_per_m = np.exp(random.uniform(math.log(0.5), math.log(2.5), num))
    albedo = np.exp(random.uniform(math.log(0.12), math.log(0.85), num))
    contrast = random.uniform(0.05, 0.6, num)
    # mostly plain noise for the room: it should not outshout the objects
    tile[:2] = np.where(random.random(2) < 0.7, tile[:2] % NUM_NOISE_TILES, tile[:2])
    tiles_per_m[:2] = random.uniform(0.3, 0.7), random.uniform(0.1, 0.25)
    albedo[:2] = random.uniform(0.18, 0.5, 2)
    contrast[:2] = random.uniform(0.15, 0.5), random.uniform(0.1, 0.4)
    body = _standing_out(random, num_objects, albedo[:2])
    albedo[2::NUM_MATERIALS] = body
    # trimmings stand out from the body that they sit on
    albedo[3::NUM_MATERIALS] = np.where(body > 0.35, body * 0.45, body * 2.2)
    return Materials(
        tile=tile.astype(np.int32),
        tiles_per_m=tiles_per_m.astype(np.float32),
        albedo=albedo.astype(np.float32),
        contrast=contrast.astype(np.float32),
    )


def _standing_out(
    random: np.random.Generator, num: int, surroundings: Float64Array
) -> Float64Array:
    """Return ``num`` albedos that no one takes for the wall's or the floor's."""
    logs = random.uniform(math.log(0.07), math.log(0.9), (8, num))
    distance = np.abs(logs[..., None] - np.log(surroundings)).min(axis=2)
    is_far = distance > MIN_LOG_CONTRAST
    chosen = np.where(is_far.any(axis=0), is_far.argmax(axis=0), distance.argmax(axis=0))
    albedo: Float64Array = np.exp(logs[chosen, np.arange(num)])
    return albedo


def draw_room(random: np.random.Generator) -> Room:
    """Return a room that holds all objects and the camera's path."""
    return Room(float(random.uniform(8.5, 14)), float(random.uniform(8.5, 14)))
