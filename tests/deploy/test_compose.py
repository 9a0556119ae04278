"""compose.yaml as Docker Compose's own parser reads it, and the script that prepares it."""

import os
import re
import shutil
import stat
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from benchmarks.serving.servers import free_port
from service.settings import Settings, read_settings
from tests.deploy.compose_file import COMPOSE, FILE, parse, prepare, resolved
from tests.deploy.conftest import Replicas
from tests.deploy.programs import DEPLOY, ROOT, call

PAGE = ROOT / "docs" / "compose.md"
OVERRIDES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def content(prepared: Path) -> dict[str, Any]:
    return resolved(env_file=prepared / ".env")


@pytest.fixture(scope="module")
def services(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = content["services"]
    return found


@pytest.mark.parametrize("file", sorted(COMPOSE.glob("*.yaml")), ids=lambda file: file.name)
def test_every_file_is_accepted(file: Path, prepared: Path) -> None:
    done = parse(file, env_file=prepared / ".env")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mem_limit: 384m", "mem_limits: 384m", "additional properties 'mem_limits' not allowed"),
        ("condition: service_healthy", "condition: service_ready", "must be one of"),
        ("networks: [front, back]", "networks: [front, bak]", "undefined network bak"),
        ("secrets: [tls_certificate, tls_key]", "secrets: [tls]", "undefined secret tls"),
        ("mem_limit: 64m", "mem_limit: 64 rows", "invalid suffix"),
    ],
)
def test_an_error_is_found(
    tmp_path: Path, prepared: Path, old: str, new: str, message: str
) -> None:
    text = FILE.read_text()
    assert old in text
    planted = tmp_path / "compose.yaml"
    planted.write_text(text.replace(old, new))
    done = parse(planted, env_file=prepared / ".env")
    assert done.returncode != 0
    assert message in done.stderr


def test_without_passwords_the_message_says_what_to_do(tmp_path: Path) -> None:
    done = parse(FILE, env_file=COMPOSE / ".env.example")
    assert done.returncode != 0
    assert "run deploy/compose/prepare first" in done.stderr


@pytest.mark.parametrize("override", OVERRIDES)
def test_the_overrides_on_the_page_are_accepted(
    override: str, prepared: Path, tmp_path: Path
) -> None:
    file = tmp_path / "compose.override.yaml"
    file.write_text(override)
    services = resolved(FILE, file, env_file=prepared / ".env")["services"]
    settings = [services[f"service-{number}"]["environment"] for number in (1, 2)]
    assert settings[0] == settings[1]
    check_settings(settings[0])


def check_settings(environment: dict[str, str]) -> Settings:
    """Read a container's environment as its server does."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return read_settings()


def test_the_page_has_overrides() -> None:
    assert len(OVERRIDES) == 2


def test_the_service_accepts_its_settings(services: dict[str, dict[str, Any]]) -> None:
    settings = check_settings(services["service-1"]["environment"])
    assert settings.ledger_url is not None
    assert settings.ledger_url.startswith("postgresql://highway:")
    assert settings.ledger_url.endswith("@postgresql:5432/ledger")
    assert settings.root_path == "/highway"


def test_both_replicas_differ_in_their_address_only(services: dict[str, dict[str, Any]]) -> None:
    first, second = services["service-1"], services["service-2"]
    for key in ("build", "networks", "depends_on"):
        first, second = ({**one, key: None} for one in (first, second))
    assert first == second


def test_every_container_is_confined(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["mem_limit"]) <= 2**29, name
        assert service["pids_limit"] == 256, name
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
        assert "privileged" not in service, name
    added = {name for name, service in services.items() if "cap_add" in service}
    assert added == {"postgresql"}


def test_every_image_but_our_own_has_a_version(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if name.startswith("service-"):
            assert service["image"] == "highway-networks:latest"
        else:
            assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-\w+)?", service["image"]), name


def test_nothing_is_published_to_other_machines(services: dict[str, dict[str, Any]]) -> None:
    published = {
        (name, port["host_ip"], port["target"])
        for name, service in services.items()
        for port in service.get("ports", ())
    }
    assert published == {
        ("nginx", "127.0.0.1", 8443),
        ("prometheus", "127.0.0.1", 9090),
        ("grafana", "127.0.0.1", 3000),
    }


def test_the_network_of_the_replicas_has_no_way_out(content: dict[str, Any]) -> None:
    assert content["networks"]["back"]["internal"]
    for name in ("service-1", "service-2", "postgresql", "node-exporter"):
        assert list(content["services"][name]["networks"]) == ["back"]


def test_fixed_addresses_are_outside_of_the_range_for_others(content: dict[str, Any]) -> None:
    (pool,) = content["networks"]["back"]["ipam"]["config"]
    assert pool == {"subnet": "172.30.83.0/24", "ip_range": "172.30.83.128/25"}
    fixed = {
        name: service["networks"]["back"]["ipv4_address"]
        for name, service in content["services"].items()
        if service["networks"]["back"]
    }
    assert fixed == {
        "nginx": "172.30.83.2",
        "service-1": "172.30.83.11",
        "service-2": "172.30.83.12",
    }
    hosts = {f"{name}={fixed[name]}" for name in ("service-1", "service-2")}
    assert set(content["services"]["nginx"]["extra_hosts"]) == hosts
    settings = content["services"]["service-1"]["environment"]
    assert settings["HIGHWAY_TRUSTED_PROXIES"] == fixed["nginx"]


def test_a_stopping_replica_has_time_to_finish(services: dict[str, dict[str, Any]]) -> None:
    defaults = Settings()
    assert services["service-1"]["stop_grace_period"] == "15s"
    assert defaults.drain_delay_seconds + defaults.drain_seconds < 15


def test_names_in_the_configurations_are_those_of_containers(
    services: dict[str, dict[str, Any]],
) -> None:
    nginx = (COMPOSE / "nginx" / "nginx.conf").read_text()
    assert set(re.findall(r"server ([\w-]+):8000", nginx)) == {"service-1", "service-2"}
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    targets = {
        target.split(":")[0]
        for job in scraped["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    }
    assert targets - {"localhost"} <= set(services)


def test_mounted_files_exist(content: dict[str, Any]) -> None:
    assert Path(content["configs"]["nginx"]["file"]) == COMPOSE / "nginx" / "nginx.conf"
    for service in content["services"].values():
        for volume in service.get("volumes", ()):
            if volume["type"] == "bind":
                assert Path(volume["source"]).is_dir()
    assert Path(content["services"]["service-1"]["build"]["context"]) == ROOT


def test_the_example_has_every_variable_with_its_default() -> None:
    used = dict(re.findall(r"\$\{(\w+)(?::-([^}]*))?", FILE.read_text()))
    example = dict(re.findall(r"^(\w+)=(.*)$", (COMPOSE / ".env.example").read_text(), re.M))
    assert example == used


def test_the_health_check_passes_while_the_server_is_ready(
    services: dict[str, dict[str, Any]], replicas: Replicas
) -> None:
    kind, program, *words = services["service-1"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    for port, code in ((replicas.ports[0], 0), (free_port(), 1)):
        check = [word.replace("8001", str(port)) for word in words]
        assert check != words
        assert call(sys.executable, *check).returncode == code


def test_prepare_makes_passwords_and_a_key_that_only_nginx_reads(prepared: Path) -> None:
    values = dict(re.findall(r"^(\w+)=(.*)$", (prepared / ".env").read_text(), re.M))
    assert re.fullmatch(r"[0-9a-f]{48}", values["LEDGER_PASSWORD"])
    assert re.fullmatch(r"[0-9a-f]{24}", values["GRAFANA_PASSWORD"])
    key = (prepared / "secrets" / "tls_key.pem").stat()
    assert values["TLS_KEY_OWNER"] == f"{key.st_uid}:{key.st_gid}"
    assert key.st_uid != 0
    assert stat.S_IMODE(key.st_mode) == 0o600
    assert stat.S_IMODE((prepared / ".env").stat().st_mode) == 0o600


def test_prepare_keeps_what_exists(tmp_path: Path) -> None:
    assert prepare(tmp_path, "models.example.com").returncode == 0
    names = (".env", "secrets/tls_key.pem", "secrets/tls_certificate.pem")
    before = [(tmp_path / name).read_bytes() for name in names]
    again = prepare(tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert [(tmp_path / name).read_bytes() for name in names] == before
    shown = call("openssl", "x509", "-noout", "-text", "-in", tmp_path / names[2])
    assert "DNS:models.example.com, DNS:localhost, IP Address:127.0.0.1" in shown.stdout


def test_a_renewed_key_belongs_to_the_user_of_nginx(tmp_path: Path) -> None:
    """Whoever renews it: the container's user is in `.env`."""
    assert prepare(tmp_path).returncode == 0
    owner = "65534:65534" if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"
    file = tmp_path / ".env"
    file.write_text(re.sub(r"(?m)^TLS_KEY_OWNER=.*$", f"TLS_KEY_OWNER={owner}", file.read_text()))
    (tmp_path / "secrets/tls_key.pem").unlink()
    assert prepare(tmp_path).returncode == 0
    key = (tmp_path / "secrets/tls_key.pem").stat()
    assert f"{key.st_uid}:{key.st_gid}" == owner


def test_a_user_who_may_not_give_the_key_to_nginx_has_to_use_sudo() -> None:
    user = os.getuid() or 65534
    other = {"user": user, "group": user, "extra_groups": []} if os.getuid() == 0 else {}
    with TemporaryDirectory() as name:  # pytest's own is for its user only
        folder = Path(name)
        folder.chmod(0o777)
        for file in ("prepare", ".env.example"):
            shutil.copy(COMPOSE / file, folder)
        (folder / ".env").write_text("TLS_KEY_OWNER=0:0\n")
        (folder / ".env").chmod(0o644)
        done = call(folder / "prepare", **other)
        assert done.returncode == 1
        assert done.stderr.endswith(
            f"error: expected to be user 0:0, TLS_KEY_OWNER in .env, found {user}; "
            "call it with sudo\n"
        )
        assert list((folder / "secrets").glob("*key*")) == []


def test_prepare_without_openssl_says_what_to_install(tmp_path: Path) -> None:
    shutil.copy(COMPOSE / "prepare", tmp_path)
    (tmp_path / "dirname").symlink_to(str(shutil.which("dirname")))
    done = call("/bin/sh", tmp_path / "prepare", env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == "error: expected the program openssl, found none; install it\n"


def test_secrets_are_not_in_git() -> None:
    for name in (".env", "secrets/tls_key.pem"):
        assert call("git", "check-ignore", "--quiet", COMPOSE / name, cwd=ROOT).returncode == 0
