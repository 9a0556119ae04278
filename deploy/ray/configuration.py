"""The configuration of a replica: its `user_config`, and the environment."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from service.settings import Settings, SettingsError, read_settings


class ReplicaConfig(BaseModel):
    """The deployment's `user_config`; a change of it reloads the models without a restart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Path | None = None
    """ONNX file or folder of models; by default HIGHWAY_MODEL."""


def read_config(config: object) -> ReplicaConfig:
    """Read a `user_config`; a `SettingsError` if it has another form."""
    try:
        return ReplicaConfig.model_validate(config or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(["user_config", *map(str, first["loc"])])
        raise SettingsError(
            f"{place}: {first['msg']}; expected the one member 'model', the path of an ONNX file"
        ) from error


def replica_settings() -> Settings:
    """Read the environment; without a ledger, and for any host, unless it says otherwise.

    Replicas on one machine would write to one SQLite file, and Ray's proxy has names of its own.
    """
    settings = read_settings()
    own = {"ledger_url": "off", "allowed_hosts": "*"}
    return settings.model_copy(
        update={name: value for name, value in own.items() if name not in settings.model_fields_set}
    )
