import pytest
import torch

from models.training.augmentation import move_images


def moved(
    rows: torch.Tensor,
    shape: tuple[int, ...] = (4, 4),
    seed: int = 0,
    mirror: bool = False,
    **bounds: float,
) -> torch.Tensor:
    torch.manual_seed(seed)
    given = {"shift": 0.0, "turn_degrees": 0.0, "stretch": 0.0, **bounds}
    return move_images(
        rows,
        shape=shape,
        shift=given["shift"],
        turn_degrees=given["turn_degrees"],
        stretch=given["stretch"],
        mirror=mirror,
    )


def dot_in_the_middle(count: int) -> torch.Tensor:
    images = torch.zeros(count, 4, 4)
    images[:, 1:3, 1:3] = 1
    return images.view(count, 16)


def test_bounds_of_zero_leave_the_images_alone() -> None:
    grey, colour = torch.rand(3, 16), torch.rand(3, 4 * 5 * 3)
    torch.testing.assert_close(moved(grey), grey)
    torch.testing.assert_close(moved(colour, shape=(4, 5, 3)), colour)


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


def test_mirroring_swaps_left_and_right_of_about_half_of_the_images() -> None:
    row = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    images = moved(row.expand(200, 4), shape=(2, 2), mirror=True).round()
    found = images.tolist()
    assert all(image in ([1, 2, 3, 4], [2, 1, 4, 3]) for image in found)
    assert 70 < found.count([2, 1, 4, 3]) < 130


def test_colours_move_together() -> None:
    grey = dot_in_the_middle(3)
    colour = torch.stack([grey, 2 * grey, 3 * grey], dim=2).view(3, 48)
    red, green, blue = (
        moved(colour, shape=(4, 4, 3), shift=0.3, turn_degrees=30).view(3, 16, 3).unbind(2)
    )
    torch.testing.assert_close(2 * red, green)
    torch.testing.assert_close(3 * red, blue)


def test_a_quarter_turn_of_an_oblong_image_keeps_distances() -> None:
    # A dot one pixel right of the middle of 5×9 comes to lie one pixel above or below it.
    image = torch.zeros(5, 9)
    image[2, 5] = 1
    turned = [moved(image.view(1, 45), shape=(5, 9), seed=s, turn_degrees=180) for s in range(40)]
    for picture in turned:
        rows, columns = torch.meshgrid(torch.arange(5.0), torch.arange(9.0), indexing="ij")
        weight = picture.view(5, 9) / picture.sum()
        offset = torch.stack([(weight * rows).sum() - 2, (weight * columns).sum() - 4])
        assert abs(float(offset.norm()) - 1) < 0.25


def test_a_quarter_turn_is_stretched_as_much_as_an_unturned_image() -> None:
    # A bar of 5 pixels: whichever way it lies, its length varies by the stretch along an axis.
    bar = torch.zeros(11, 11)
    bar[5, 3:8] = 1
    rows, columns = torch.meshgrid(torch.arange(11.0), torch.arange(11.0), indexing="ij")

    def lengths(turn_degrees: float) -> torch.Tensor:
        images = moved(
            bar.view(1, 121).expand(300, 121),
            shape=(11, 11),
            stretch=0.3,
            turn_degrees=turn_degrees,
        )
        weight = images.view(300, 11, 11) / images.sum(dim=1).view(300, 1, 1)
        return (weight * ((rows - 5) ** 2 + (columns - 5) ** 2)).sum(dim=(1, 2)).sqrt()

    still, turned = lengths(0), lengths(180)
    assert float(turned.std()) == pytest.approx(float(still.std()), rel=0.25)
    assert float(turned.mean()) == pytest.approx(float(still.mean()), rel=0.05)
