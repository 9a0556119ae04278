from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import Part
from models.recipe import TrainConfig
from models.training.batches import EpochSampler, augment_images, epoch_seed, training_batches

TEN = Part(x=np.arange(10, dtype=np.float32).reshape(10, 1), y=np.arange(10))


def order(epoch: int, seed: int = 0) -> list[int]:
    sampler = EpochSampler(10, batch_size=4, seed=seed)
    sampler.set_epoch(epoch)
    return torch.cat(list(sampler)).tolist()


def shared(
    monkeypatch: pytest.MonkeyPatch, rows: int, batch_size: int, processes: int
) -> list[list[torch.Tensor]]:
    """Return each process's batches."""
    shares = []
    for rank in range(processes):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        sampler = EpochSampler(rows, batch_size=batch_size, seed=0, processes=processes)
        shares.append(list(sampler))
        assert len(sampler) == len(shares[-1])
    return shares


def test_every_epoch_contains_every_row_once_in_another_order() -> None:
    assert sorted(order(0)) == sorted(order(1)) == list(range(10))
    assert order(0) != order(1)


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    assert order(5, seed=1) == order(5, seed=1)
    assert order(5, seed=1) != order(5, seed=2)


def test_an_iterator_made_before_the_epoch_is_set_follows_the_epoch() -> None:
    sampler = EpochSampler(10, batch_size=4, seed=0)
    batches = iter(sampler)
    sampler.set_epoch(5)
    assert torch.cat(list(batches)).tolist() == order(5)


def test_processes_share_the_batches_of_a_single_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    single = EpochSampler(10, batch_size=4, seed=0)
    first, second = shared(monkeypatch, rows=10, batch_size=4, processes=2)
    for batch, left, right in zip(single, first, second, strict=True):
        assert sorted(torch.cat([left, right]).tolist()) == sorted(batch.tolist())
        assert len(left) == len(right)


def test_a_group_holds_the_rows_of_its_batches_one_after_another() -> None:
    single = EpochSampler(10, batch_size=3, seed=0)
    grouped = EpochSampler(10, batch_size=3, seed=0, group=2)
    assert [len(rows) for rows in grouped] == [6, 4]
    batches = [batch for rows in grouped for batch in rows.split(3)]
    assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in single]
    assert (len(grouped), grouped.steps, single.steps) == (2, 4, 4)


def test_a_process_finds_its_shares_of_the_batches_in_its_share_of_a_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    single = EpochSampler(10, batch_size=4, seed=0, processes=2)
    grouped = EpochSampler(10, batch_size=4, seed=0, processes=2, group=3)
    (rows,) = grouped
    assert [part.tolist() for part in rows.split(2)] == [part.tolist() for part in single]


@given(rows=st.integers(4, 60), times=st.integers(1, 4), processes=st.integers(1, 4))
def test_all_processes_have_as_many_rows_in_every_batch(
    rows: int, times: int, processes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        shares = shared(patch, rows, times * processes, processes)
    for batch in zip(*shares, strict=True):
        assert len({len(part) for part in batch}) == 1
    seen = torch.cat([rows for share in shares for rows in share] or [torch.empty(0)])
    assert len({len(share) for share in shares}) == 1
    assert all(len(part) > 0 for share in shares for part in share)
    assert len(seen) == len(set(seen.tolist())) > rows - processes


def test_epochs_of_neighbouring_seeds_have_different_seeds() -> None:
    seeds = {epoch_seed(seed, epoch) for seed in range(20) for epoch in range(1000)}
    assert len(seeds) == 20 * 1000


def test_all_batches_but_the_last_are_full_and_rows_keep_their_labels() -> None:
    batches = list(training_batches(TEN, EpochSampler(10, batch_size=4, seed=0)))
    assert [len(y) for _, y in batches] == [4, 4, 2]
    assert all(torch.equal(x[:, 0].long(), y) for x, y in batches)


def augmented(
    rows: torch.Tensor, shape: tuple[int, ...] = (4, 4), seed: int = 0, **bounds: float
) -> torch.Tensor:
    torch.manual_seed(seed)
    unchanged = TrainConfig(shift=0.0, rotate_degrees=0.0, scale=0.0)
    return augment_images(rows, shape, replace(unchanged, **bounds))  # type: ignore[arg-type]


def centred_dot(count: int) -> torch.Tensor:
    images = torch.zeros(count, 4, 4)
    images[:, 1:3, 1:3] = 1
    return images.view(count, 16)


def test_bounds_of_zero_leave_images_unchanged() -> None:
    grey, colour = torch.rand(3, 16), torch.rand(3, 4 * 5 * 3)
    torch.testing.assert_close(augmented(grey), grey)
    torch.testing.assert_close(augmented(colour, shape=(4, 5, 3)), colour)


def test_a_shift_is_at_most_its_bound() -> None:
    images = augmented(centred_dot(200), shift=0.25).view(200, 4, 4)  # a quarter of 4: one pixel
    rows = (images.sum(dim=2) * torch.arange(4.0)).sum(dim=1) / images.sum(dim=(1, 2))
    offsets = rows - 1.5
    assert float(offsets.abs().max()) <= 1 + 1e-4
    assert float(offsets.min()) < -0.8
    assert float(offsets.max()) > 0.8


def test_pixels_from_outside_the_image_are_zero() -> None:
    images = augmented(torch.ones(50, 16), shift=0.5)
    assert float(images.min()) == 0
    assert float(images.max()) <= 1 + 1e-5


def test_every_image_has_its_own_random_draw() -> None:
    images = augmented(centred_dot(2), shift=0.25, rotate_degrees=20, scale=0.2)
    assert not torch.allclose(images[0], images[1])


def test_the_same_seed_repeats_the_draws() -> None:
    rows = centred_dot(5)
    assert torch.equal(augmented(rows, shift=0.2, seed=3), augmented(rows, shift=0.2, seed=3))
    assert not torch.equal(augmented(rows, shift=0.2, seed=3), augmented(rows, shift=0.2, seed=4))


def test_flip_swaps_left_and_right_in_about_half_of_the_images() -> None:
    row = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    images = augmented(row.expand(200, 4), shape=(2, 2), flip=True).round()
    actual = images.tolist()
    assert all(image in ([1, 2, 3, 4], [2, 1, 4, 3]) for image in actual)
    assert 70 < actual.count([2, 1, 4, 3]) < 130


def test_all_colours_of_an_image_change_alike() -> None:
    grey = centred_dot(3)
    colour = torch.stack([grey, 2 * grey, 3 * grey], dim=2).view(3, 48)
    red, green, blue = (
        augmented(colour, shape=(4, 4, 3), shift=0.3, rotate_degrees=30).view(3, 16, 3).unbind(2)
    )
    torch.testing.assert_close(2 * red, green)
    torch.testing.assert_close(3 * red, blue)


def test_a_rotation_of_an_oblong_image_keeps_distances() -> None:
    # A dot one pixel right of the centre of 5×9 stays one pixel away from the centre.
    image = torch.zeros(5, 9)
    image[2, 5] = 1
    rotated = [
        augmented(image.view(1, 45), shape=(5, 9), seed=s, rotate_degrees=180) for s in range(40)
    ]
    for picture in rotated:
        rows, columns = torch.meshgrid(torch.arange(5.0), torch.arange(9.0), indexing="ij")
        weight = picture.view(5, 9) / picture.sum()
        offset = torch.stack([(weight * rows).sum() - 2, (weight * columns).sum() - 4])
        assert abs(float(offset.norm()) - 1) < 0.25


def test_a_rotated_image_is_scaled_as_much_as_an_unrotated_one() -> None:
    # A bar of 5 pixels: at any angle its length varies with the scale of an axis.
    bar = torch.zeros(11, 11)
    bar[5, 3:8] = 1
    rows, columns = torch.meshgrid(torch.arange(11.0), torch.arange(11.0), indexing="ij")

    def lengths(rotate_degrees: float) -> torch.Tensor:
        images = augmented(
            bar.view(1, 121).expand(300, 121),
            shape=(11, 11),
            scale=0.3,
            rotate_degrees=rotate_degrees,
        )
        weight = images.view(300, 11, 11) / images.sum(dim=1).view(300, 1, 1)
        return (weight * ((rows - 5) ** 2 + (columns - 5) ** 2)).sum(dim=(1, 2)).sqrt()

    unrotated, rotated = lengths(0), lengths(180)
    assert float(rotated.std()) == pytest.approx(float(unrotated.std()), rel=0.25)
    assert float(rotated.mean()) == pytest.approx(float(unrotated.mean()), rel=0.05)
