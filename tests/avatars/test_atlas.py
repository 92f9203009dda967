"""The differentiable engine beside resvg: the same pictures, and gradients that lead somewhere."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from dtn_core import images
from dtn_core.avatars.atlas import Atlas, atlas, to_tensor
from dtn_core.avatars.engine import image
from dtn_core.avatars.parameters import SPECS, Parameters
from dtn_core.avatars.shape import SHAPES

STYLES = tuple(SPECS)
LENSES = ("sunglasses", "wayfarers")
"""Of which the atlas says that they aren't exact."""


def anyone(style, rng):
    """Every variant of every slot is as likely, every colour too."""
    spec = SPECS[style]
    variants = {slot: str(rng.choice(variants)) for slot, variants in spec.slots.items()}
    return Parameters(style, variants, {name: f"#{rng.integers(1 << 24):06x}" for name in spec.colours})


@cache
def misses(style, size, view, shaped=False):
    """500 random avatars, and the mean absolute error of each as a share of full scale: (500,)."""
    rng = np.random.default_rng(7)
    many = [anyone(style, rng) for _ in range(500)]
    if shaped:
        many = [replace(p, shape={name: rng.uniform(-1, 1) for name in SHAPES[style]}) for p in many]
    with torch.no_grad():
        made = atlas(style, size, view).draw(many).permute(0, 2, 3, 1).numpy()
    exact = np.stack([image(parameters, size, view) for parameters in many]).astype(np.float32) / 255
    exact[..., :3] *= exact[..., 3:]
    assert made.shape == exact.shape == (500, size, size, 4)
    return many, np.abs(made - exact).mean((1, 2, 3))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("size", "view"), [(64, "head"), (48, "bust")])
def test_it_draws_what_resvg_draws(style, size, view):
    many, miss = misses(style, size, view)
    for slot, variants in SPECS[style].slots.items():
        assert {p.variants[slot] for p in many} == set(variants)  # all were met
    assert miss.mean() < 0.002
    lenses = np.array([p.variants.get("accessories") in LENSES for p in many])
    assert miss[~lenses].max() < 0.002
    assert miss.max() < 0.004


@pytest.mark.parametrize("style", STYLES)
def test_shapes_are_drawn_a_little_softer_than_by_resvg(style):
    many, miss = misses(style, 64, "head", shaped=True)
    assert miss.mean() < 0.008
    assert miss.max() < 0.018
    with torch.no_grad():
        plain, made = (atlas(style).draw(ps) for ps in ([replace(p, shape={}) for p in many[:50]], many[:50]))
    exact = np.stack([image(p, 64, "head") for p in many[:50]]).astype(np.float32) / 255
    exact[..., :3] *= exact[..., 3:]
    exact = torch.from_numpy(exact).permute(0, 3, 1, 2)
    assert (made - exact).abs().mean() < 0.5 * (plain - exact).abs().mean()


@pytest.mark.parametrize("style", STYLES)
def test_gradients_reach_every_shape(style):
    engine = atlas(style)
    shape = {name: torch.zeros(1, requires_grad=True) for name in SHAPES[style]}
    for name, value in shape.items():
        wanted = engine.draw([Parameters(style, {}, {}, {name: 0.5})])
        (engine(*engine.encode([Parameters(style)]), {name: value}) - wanted).square().sum().backward()
        assert value.grad < 0, name  # towards what was drawn


@pytest.mark.parametrize("style", STYLES)
def test_no_variant_is_worse_than_the_others(style):
    many, miss = misses(style, 64, "head")
    for slot, variants in SPECS[style].slots.items():
        for variant in variants:
            mean = miss[[p.variants[slot] == variant for p in many]].mean()
            assert mean < (0.003 if variant in LENSES else 0.0015), (slot, variant)


@pytest.mark.parametrize("style", STYLES)
def test_half_of_a_variant_is_half_of_the_picture(style):
    engine = atlas(style)
    one, other = Parameters(style), Parameters(style, {"mouth": SPECS[style].slots["mouth"][1]})
    chosen, colours = engine.encode([one, other])
    mixed = {slot: weights.mean(0, keepdim=True) for slot, weights in chosen.items()}
    made = engine(mixed, {name: rgb[:1] for name, rgb in colours.items()})
    pictures = engine.draw([one, other])
    assert (pictures[0] - pictures[1]).abs().max() > 0.1
    assert torch.allclose(made[0], pictures.mean(0), atol=1e-5)


@pytest.mark.parametrize("style", STYLES)
def test_gradients_reach_every_probability_and_every_colour(style):
    engine, spec = atlas(style), SPECS[style]
    chosen = {slot: torch.full((2, len(v)), 1 / len(v), requires_grad=True) for slot, v in spec.slots.items()}
    colours = {name: torch.full((2, 3), 0.5, requires_grad=True) for name in spec.colours}
    engine(chosen, colours).square().sum().backward()
    for name, leaf in {**chosen, **colours}.items():
        assert leaf.grad.isfinite().all(), name
        assert leaf.grad.abs().amax(1).min() > 0, name
    for slot, variants in spec.slots.items():
        apart = chosen[slot].grad[0].unique()
        assert len(apart) > len(variants) / 2, slot  # and tell variants from one another


@pytest.mark.parametrize("style", STYLES)
def test_gradients_lead_to_what_was_drawn(style):
    """Of the distance to a picture, towards the variant and the colour that it shows."""
    engine, spec = atlas(style), SPECS[style]
    start = Parameters(style)
    for slot, variants in spec.slots.items():
        for variant in variants[1:]:
            chosen, colours = engine.encode([start])
            chosen[slot].requires_grad_()
            wanted = engine.draw([Parameters(style, {slot: variant})])
            (engine(chosen, colours) - wanted).square().sum().backward()
            grad = chosen[slot].grad[0]
            assert grad[variants.index(variant)] < grad[0], (slot, variant)
    chosen, colours = engine.encode([start])
    colours["skin"].requires_grad_()
    (engine(chosen, colours) - engine.draw([Parameters(style, {}, {"skin": "#000000"})])).square().sum().backward()
    assert (colours["skin"].grad > 0).all()  # darker


def test_any_size_and_view():
    small, large = Atlas("avataaars", 48, "bust"), Atlas("toon-head", 80)
    assert small.draw([Parameters("avataaars")] * 3).shape == (3, 4, 48, 48)
    assert large.draw([Parameters("toon-head")]).shape == (1, 4, 80, 80)
    assert atlas("avataaars", 48, "bust") is atlas("avataaars", 48, "bust")


@pytest.mark.parametrize("style", STYLES)
def test_pictures_stay_in_range_and_become_tensors_as_files_do(style):
    rng = np.random.default_rng(1)
    many = [anyone(style, rng) for _ in range(20)]
    drawn = atlas(style).draw(many)
    assert drawn.min() >= -1e-4
    assert drawn.max() <= 1 + 1e-4
    assert (drawn[:, :3] <= drawn[:, 3:] + 0.01).all()  # premultiplied
    files = images.to_tensor(np.stack([image(parameters, 64, "head") for parameters in many]))
    assert (to_tensor(drawn) - files).abs().mean() < 0.004
