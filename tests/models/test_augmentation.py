import torch

from models.augmentation import move_images


def moved(rows: torch.Tensor, seed: int = 0, **bounds: float) -> torch.Tensor:
    given = {"shift": 0.0, "turn_degrees": 0.0, "stretch": 0.0, **bounds}
    generator = torch.Generator().manual_seed(seed)
    return move_images(
        rows,
        height=4,
        width=4,
        shift=given["shift"],
        turn_degrees=given["turn_degrees"],
        stretch=given["stretch"],
        generator=generator,
    )


def dot_in_the_middle(count: int) -> torch.Tensor:
    images = torch.zeros(count, 4, 4)
    images[:, 1:3, 1:3] = 1
    return images.view(count, 16)


def test_bounds_of_zero_leave_the_images_alone() -> None:
    rows = torch.rand(3, 16)
    torch.testing.assert_close(moved(rows), rows)


def test_a_shift_moves_an_image_by_no_more_than_its_bound() -> None:
    images = moved(dot_in_the_middle(200), shift=0.25).view(200, 4, 4)  # a quarter of 4: one pixel
    rows = (images.sum(dim=2) * torch.arange(4.0)).sum(dim=1) / images.sum(dim=(1, 2))
    offsets = rows - 1.5
    assert float(offsets.abs().max()) <= 1 + 1e-4
    assert float(offsets.min()) < -0.8
    assert float(offsets.max()) > 0.8


def test_what_comes_in_over_the_edge_is_zero() -> None:
    images = moved(torch.ones(50, 16), shift=0.5)
    assert float(images.min()) == 0
    assert float(images.max()) <= 1 + 1e-5


def test_every_image_has_its_own_draw() -> None:
    images = moved(dot_in_the_middle(2), shift=0.25, turn_degrees=20, stretch=0.2)
    assert not torch.allclose(images[0], images[1])


def test_the_same_seed_draws_the_same() -> None:
    rows = dot_in_the_middle(5)
    assert torch.equal(moved(rows, shift=0.2, seed=3), moved(rows, shift=0.2, seed=3))
    assert not torch.equal(moved(rows, shift=0.2, seed=3), moved(rows, shift=0.2, seed=4))
