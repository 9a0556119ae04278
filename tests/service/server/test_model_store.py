from pathlib import Path

import pytest

from service.classifier import Classifier
from service.contract import ContractError, Metadata
from service.errors import ModelRefusedError, UnknownModelError
from service.inference.traffic import Traffic
from service.server.artifacts import ModelSet
from service.server.model_store import ModelStore
from service.server.repository import Repository
from tests.service.server.test_reload import artifact, place

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def try_artifact(content: bytes) -> Metadata:
    return Classifier(content).metadata


class Workers:
    """What workers serve; `refusal` is why one of them cannot load the models."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.refusal: str | None = None

    async def distribute(self, models: ModelSet) -> None:
        if self.refusal is not None:
            raise ContractError(self.refusal)
        self.served.append(str(models))


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
async def store(tmp_path: Path) -> ModelStore:
    place(tmp_path, "1")
    store = ModelStore(Repository(tmp_path, None), try_artifact)
    await store.open()
    return store


async def test_a_new_version_is_seen_read_once_and_distributed(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    assert store.changed == {}
    path = place(tmp_path, "2")
    assert list(store.changed) == [path]
    assert await store.reload(workers.distribute) == []
    assert workers.served == ["tiny version 1, tiny version 2"]
    assert store.changed == {}
    assert await store.reload(workers.distribute, again=True) == []
    assert len(workers.served) == 1


async def test_a_refused_file_is_reported_once_and_read_again_when_it_changes(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    path = place(tmp_path, "2", b"damaged")
    (error,) = await store.reload(workers.distribute)
    assert str(error).startswith(f"{path}: expected ")
    ((name, version, reason),) = store.refused
    assert (name, version) == ("tiny", "2")
    assert reason.startswith("tiny/2: expected ")
    assert await store.reload(workers.distribute) == []
    assert workers.served == []
    place(tmp_path, "2")
    await store.reload(workers.distribute)
    assert store.refused == ()
    assert workers.served == ["tiny version 1, tiny version 2"]


async def test_a_damaged_file_leaves_the_bytes_that_are_served(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    served = store.models
    place(tmp_path, "1", b"damaged")
    assert len(await store.reload(workers.distribute)) == 1
    assert store.models == served


async def test_models_stay_if_a_worker_cannot_load_the_new_ones(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    served = store.models
    workers.refusal = "no memory"
    place(tmp_path, "2")
    with pytest.raises(ContractError, match="no memory"):
        await store.reload(workers.distribute)
    assert store.models == served
    workers.refusal = None
    with pytest.raises(UnknownModelError):
        await store.load("other", workers.distribute)
    await store.load("tiny", workers.distribute)
    assert workers.served == ["tiny version 1, tiny version 2"]


async def test_a_load_call_says_why_without_a_path(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    place(tmp_path, "2", b"damaged")
    with pytest.raises(ModelRefusedError) as error:
        await store.load("tiny", workers.distribute)
    assert str(error.value).startswith("tiny/2: expected ")
    assert str(tmp_path) not in str(error.value)


async def test_an_unloaded_model_returns_only_by_a_load_call(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    with pytest.raises(ModelRefusedError) as error:
        await store.unload("tiny", workers.distribute)
    assert str(error.value) == "the only model cannot be unloaded; load another one first"
    with pytest.raises(UnknownModelError) as unknown:
        await store.unload("other", workers.distribute)
    assert str(unknown.value) == "model: expected one that is served, found another name"
    place(tmp_path, "1", name="other")
    await store.reload(workers.distribute)
    await store.unload("tiny", workers.distribute)
    await store.reload(workers.distribute, again=True)
    assert store.changed == {}
    assert str(store.models) == "other version 1"
    await store.load("tiny", workers.distribute)
    assert str(store.models) == "other version 1, tiny version 1"


async def test_a_version_that_is_gone_is_removed_once_another_is_served(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    (tmp_path / "tiny/1/model.onnx").unlink()
    assert store.changed == {}
    await store.reload(workers.distribute)
    assert str(store.models) == "tiny version 1"
    place(tmp_path, "2")
    await store.reload(workers.distribute)
    assert str(store.models) == "tiny version 2"
    assert store.changed == {}


async def test_a_traffic_file_is_distributed_and_a_malformed_one_changes_nothing(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    file = tmp_path / "tiny/traffic.json"
    file.write_text('{"version": "1"}')
    assert list(store.changed) == [file]
    await store.reload(workers.distribute)
    assert store.models.traffic == {"tiny": Traffic(version="1")}
    file.write_text("{")
    assert len(await store.reload(workers.distribute)) == 1
    assert store.models.traffic == {"tiny": Traffic(version="1")}
    file.unlink()
    assert list(store.changed) == [file]
    await store.reload(workers.distribute)
    assert store.models.traffic == {}
    assert store.changed == {}


async def test_without_a_model_that_can_be_served_the_first_reason_is_the_error(
    tmp_path: Path,
) -> None:
    place(tmp_path, "1", b"damaged")
    with pytest.raises(ContractError, match=r"tiny/1/model\.onnx: expected an ONNX file"):
        await ModelStore(Repository(tmp_path, None), try_artifact).open()


async def test_files_that_are_gone_are_forgotten(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    path = place(tmp_path, "1", b"damaged", name="other")
    await store.reload(workers.distribute)
    assert len(store.refused) == 1
    path.unlink()
    assert list(store.changed) == [path]
    await store.reload(workers.distribute)
    assert not store.refused
    assert not store.changed


async def test_a_change_that_no_worker_makes_is_in_the_index(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    place(tmp_path, "2")
    workers.refusal = "a worker could not load the models: it has ended"
    with pytest.raises(ContractError):
        await store.reload(workers.distribute)
    ((name, version, reason),) = store.refused
    assert (name, version, reason) == ("tiny", "2", workers.refusal)
    workers.refusal = None
    await store.reload(workers.distribute, again=True)
    assert store.refused == ()


async def test_the_traffic_of_another_model_does_not_fail_a_load_call(
    store: ModelStore, workers: Workers, tmp_path: Path
) -> None:
    place(tmp_path, "1", name="other")
    await store.reload(workers.distribute)
    (tmp_path / "other/traffic.json").write_text("{")
    await store.load("tiny", workers.distribute)
    with pytest.raises(ModelRefusedError) as error:
        await store.load("other", workers.distribute)
    assert str(error.value).startswith("other/traffic.json: file: Invalid JSON")


async def test_a_link_that_changes_during_the_trial_does_not_change_what_is_loaded(
    tmp_path: Path, workers: Workers
) -> None:
    for version in ("1", "2"):
        (tmp_path / version).write_bytes(artifact(version))
    link = tmp_path / "model.onnx"
    link.symlink_to("1")

    async def swap(content: bytes) -> Metadata:
        link.unlink()
        link.symlink_to("2")
        return await try_artifact(content)

    store = ModelStore(Repository(tmp_path, None), swap)
    await store.open()
    (served,) = store.models.artifacts
    assert served.content == artifact("1")
    assert list(store.changed) == [link]
    await store.reload(workers.distribute)
    assert workers.served == ["tiny version 2"]


async def test_the_default_model_must_be_served_and_stays(tmp_path: Path, workers: Workers) -> None:
    place(tmp_path, "1")
    place(tmp_path, "1", name="other")
    repository = Repository(tmp_path, None)
    with pytest.raises(ContractError) as error:
        await ModelStore(repository, try_artifact, default="tinny").open()
    assert str(error.value) == (
        "HIGHWAY_DEFAULT_MODEL: expected a model that is served, found 'tinny'"
    )
    store = ModelStore(repository, try_artifact, default="tiny")
    await store.open()
    with pytest.raises(ModelRefusedError, match="the default model cannot be unloaded"):
        await store.unload("tiny", workers.distribute)
