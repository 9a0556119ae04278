"""The artifacts that all workers serve, and the files that were refused."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from service.contract import ContractError, Metadata
from service.errors import ModelRefusedError, UnknownModelError
from service.inference.traffic import Traffic
from service.lifecycle import RefusedFile
from service.server.artifacts import Artifact, ArtifactKey, ModelSet
from service.server.repository import (
    TRAFFIC_FILE,
    LayoutError,
    Repository,
    Source,
    Stamp,
    check_place,
    read_traffic,
)

# Loads an artifact's bytes where a crash is harmless; raises `ContractError`.
Try = Callable[[bytes], Awaitable[Metadata]]
# Makes all workers serve these models, or raises `ContractError` and changes nothing.
Distribute = Callable[[ModelSet], Awaitable[None]]

_log = logging.getLogger(__name__)


class ModelStore:
    """Reads the repository and decides what is served.

    A file that is refused never removes what is served: neither an earlier file of its version, nor
    other versions. A version whose file is gone is served until another version of its model is.
    """

    def __init__(
        self, repository: Repository, try_artifact: Try, *, default: str | None = None
    ) -> None:
        """`default` is the name of a model that has to be served always, if any."""
        self._repository = repository
        self._default = default
        self._try = try_artifact
        self._served: dict[Source, Artifact] = {}
        self._traffic: dict[str, Traffic] = {}
        self._refused: dict[Source, RefusedFile] = {}
        self._stamps: dict[Path, Stamp] = {}  # of the files as they were last read
        self._unloaded: set[str] = set()
        self._layout_error = ""  # of the folder as it was last read

    @property
    def is_folder(self) -> bool:
        """Whether new files can appear."""
        return self._repository.is_folder

    @property
    def models(self) -> ModelSet:
        """What is served."""
        return _model_set(self._served, self._traffic)

    @property
    def refused(self) -> tuple[RefusedFile, ...]:
        """The files that cannot be served."""
        return tuple(self._refused.values())

    async def open(self) -> None:
        """Read everything; a `ContractError` if nothing can be served."""
        sources = self._repository.checked_sources()
        self._served, errors = await self._read(sources, again=True)
        if not self._served:
            raise errors[0]
        if self._default is not None and self._default not in map(self._name_of, self._served):
            raise ContractError(
                f"HIGHWAY_DEFAULT_MODEL: expected a model that is served, found {self._default!r}"
            )
        self._traffic, unreadable = self._read_traffic()
        _log_refusals([*errors, *unreadable])

    @property
    def changed(self) -> dict[Path, Stamp | None]:
        """The stamps of files that differ from what was read last; None of those that are gone.

        Also None of a folder that has become ambiguous.
        """
        try:
            sources = self._repository.sources()
        except LayoutError as error:
            known = str(error) == self._layout_error
            return {} if known else {self._repository.path: None}
        traffic = dict(self._repository.traffic_files().values())
        files = {s.path: stamp for s, stamp in sources.items() if not self._skips(s)} | traffic
        changed: dict[Path, Stamp | None] = {
            path: stamp for path, stamp in files.items() if stamp != self._stamps.get(path)
        }
        gone = self._stamps.keys() - traffic.keys() - {source.path for source in sources}
        return changed | dict.fromkeys(path for path in gone if not self._stays(path))

    async def reload(
        self, distribute: Distribute, *, name: str | None = None, again: bool = False
    ) -> list[ContractError]:
        """Serve what the repository holds now; return why files were refused.

        Read only the files of one `name`; read unchanged files too if `again`. Raises
        `ContractError` if no change was possible, because a worker could not load a model.
        """
        sources = self._sources()
        wanted = {
            source: stamp
            for source, stamp in sources.items()
            if name in (None, self._name_of(source)) and not self._skips(source)
        }
        new, errors = await self._read(wanted, again=again)
        served = {**self._served, **new}
        for source in [*self._served, *self._refused]:
            if source not in sources and not (source in served and self._is_last(source, served)):
                served.pop(source, None)
                self._refused.pop(source, None)
        self._forget_all_but({source.path for source in [*sources, *served]})
        traffic, unreadable = self._read_traffic(name)
        _log_refusals([*errors, *unreadable])
        try:
            await self._change(served, traffic, distribute)
        except ContractError as error:
            for source in new:
                self._refuse(source, error)
            raise
        return [*errors, *unreadable]

    async def load(self, name: str, distribute: Distribute) -> None:
        """Serve a model as the repository holds it now.

        Raises `UnknownModelError` or, if a file is refused, `ModelRefusedError`.
        """
        try:
            sources = self._sources()
        except LayoutError as error:
            path = self._repository.path
            reason = self._repository.without_paths(str(error), {path: path.name})
            raise ModelRefusedError(reason) from error
        if name not in map(self._name_of, sources):
            raise UnknownModelError("model: expected one of the repository, found another name")
        self._unloaded.discard(name)
        try:
            errors = await self.reload(distribute, name=name, again=True)
        except ContractError as error:
            errors = [error]
        if errors:
            places = {source.path: source.place for source in sources}
            for model, (path, _) in self._repository.traffic_files().items():
                places[path] = f"{model}/{TRAFFIC_FILE}"
            raise ModelRefusedError(self._repository.without_paths(str(errors[0]), places))

    async def unload(self, name: str, distribute: Distribute) -> None:
        """Serve a model no longer, until it is loaded again."""
        served = {s: a for s, a in self._served.items() if a.key.name != name}
        if len(served) == len(self._served):
            raise UnknownModelError("model: expected one that is served, found another name")
        if not served:
            raise ModelRefusedError("the only model cannot be unloaded; load another one first")
        if name == self._default:
            raise ModelRefusedError("the default model cannot be unloaded; choose another default")
        await self._change(served, self._traffic, distribute)
        self._unloaded.add(name)

    def _sources(self) -> dict[Source, Stamp]:
        try:
            sources = self._repository.sources()
        except LayoutError as error:
            self._layout_error = str(error)
            raise
        self._layout_error = ""
        return sources

    async def _read(
        self, sources: Mapping[Source, Stamp], *, again: bool
    ) -> tuple[dict[Source, Artifact], list[ContractError]]:
        """Read and try files; return the good ones, and why the others are refused."""
        good: dict[Source, Artifact] = {}
        errors = []
        for source, stamp in sources.items():
            if self._stamps.get(source.path) == stamp and not again:
                continue
            self._stamps[source.path] = stamp
            try:
                good[source] = await self._artifact(source)
            except ContractError as error:
                self._refuse(source, error)
                errors.append(error)
            else:
                self._refused.pop(source, None)
        return good, errors

    async def _artifact(self, source: Source) -> Artifact:
        content = self._repository.read(source)
        served = self._served.get(source)
        if served is not None and served.content == content:
            return served
        try:
            metadata = await self._try(content)
            check_place(source, metadata.name, metadata.version)
        except ContractError as error:
            raise ContractError(f"{source.path}: {error}") from error
        digest = str(metadata.verification["digest"])
        key = ArtifactKey(metadata.name, metadata.version, digest)
        return Artifact(key=key, content=content)

    def _refuse(self, source: Source, error: ContractError) -> None:
        # Clients see the index.
        reason = self._repository.without_paths(str(error), {source.path: source.place})
        self._refused[source] = RefusedFile(*self._identity(source), reason)

    def _read_traffic(
        self, only: str | None = None
    ) -> tuple[dict[str, Traffic], list[ContractError]]:
        """Read the traffic files; for one that is refused, the previous traffic stays.

        Return the errors of all models, or of `only` one.
        """
        traffic, errors = {}, []
        for name, (path, stamp) in self._repository.traffic_files().items():
            self._stamps[path] = stamp
            try:
                traffic[name] = read_traffic(path)
            except ContractError as error:
                if only in (None, name):
                    errors.append(error)
                traffic[name] = self._traffic.get(name, Traffic())
        return traffic, errors

    async def _change(
        self,
        served: dict[Source, Artifact],
        traffic: dict[str, Traffic],
        distribute: Distribute,
    ) -> None:
        if (served, traffic) != (self._served, self._traffic):
            await distribute(_model_set(served, traffic))
            self._served, self._traffic = served, traffic

    def _identity(self, source: Source) -> tuple[str, str]:
        """Return the name and version of a source, by its folders or by what it served."""
        if source.name is not None and source.version is not None:
            return source.name, source.version
        served = self._served.get(source)
        return (served.key.name, served.key.version) if served else (source.path.stem, "")

    def _name_of(self, source: Source) -> str:
        return self._identity(source)[0]

    def _skips(self, source: Source) -> bool:
        return self._name_of(source) in self._unloaded

    def _stays(self, path: Path) -> bool:
        """Return whether a file that is gone is served nevertheless."""
        return any(
            source.path == path and self._is_last(source, self._served) for source in self._served
        )

    def _is_last(self, source: Source, served: Iterable[Source]) -> bool:
        """Return whether no other version of the model is served."""
        return not any(other.name == source.name and other != source for other in served)

    def _forget_all_but(self, paths: set[Path]) -> None:
        """Forget the stamps of files that are gone; those of traffic files are set anew."""
        self._stamps = {path: stamp for path, stamp in self._stamps.items() if path in paths}


def _model_set(served: Mapping[Source, Artifact], traffic: Mapping[str, Traffic]) -> ModelSet:
    return ModelSet(artifacts=tuple(served.values()), traffic=traffic)


def _log_refusals(errors: Iterable[ContractError]) -> None:
    for error in errors:
        _log.error("refused %s", error)
