"""Triton from the wheel nvidia-pytriton, with its Python back end: the wheel has no other."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.serving.servers import Command
from service.contract import INPUT
from service.runtime import onnxruntime

MODEL = "model"
MAX_BATCH_ROWS = 64
PROGRAM = Path(__file__).parent / "triton_model.py"
CONFIG = """name: "{name}"
backend: "python"
max_batch_size: {rows}
dynamic_batching {{}}
instance_group [{{ count: 1, kind: KIND_CPU }}]
input [{{ name: "{input}", data_type: TYPE_FP32, dims: [{features}] }}]
output [{outputs}]
"""


def triton(environment: Path, grpc_port: int | None = None) -> Command:
    """Return the command of Triton; it writes a model repository into the environment."""
    grpc = ["--allow-grpc=false"]
    if grpc_port is not None:
        grpc = ["--grpc-address=127.0.0.1", f"--grpc-port={grpc_port}"]

    def command(file: Path, port: int) -> list[str]:
        (site,) = environment.glob("lib/python3*/site-packages")
        server = site / "pytriton" / "tritonserver"
        repository, back_ends = environment / "repository", environment / "backends"
        write_repository(repository, file)
        shutil.copytree(server / "backends" / "python", back_ends / "python", dirs_exist_ok=True)
        version = _python(environment, "import sys; print('%d.%d' % sys.version_info[:2])")
        stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
        shutil.copy(stub, back_ends / "python")
        libraries = _python(environment, "import sysconfig as s; print(s.get_config_var('LIBDIR'))")
        return [
            "env",
            f"MODEL={file}",
            f"SITE={site}",
            f"LD_LIBRARY_PATH={site / 'nvidia_pytriton.libs'}:{libraries}",
            str(server / "bin" / "tritonserver"),
            f"--model-repository={repository}",
            f"--backend-directory={back_ends}",
            "--http-address=127.0.0.1",
            f"--http-port={port}",
            *grpc,
            "--allow-metrics=false",
        ]

    return command


def write_repository(repository: Path, file: Path) -> None:
    """Write Triton's model repository for the file: a configuration and the program."""
    version = repository / MODEL / "1"
    version.mkdir(parents=True, exist_ok=True)
    shutil.copy(PROGRAM, version / "model.py")
    (repository / MODEL / "config.pbtxt").write_text(configuration(file))


def configuration(file: Path) -> str:
    """Return Triton's configuration of the model in the file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # without the advice on the overridable input
    session = onnxruntime.InferenceSession(str(file), options)
    outputs = ", ".join(
        f'{{ name: "{output.name}", data_type: TYPE_FP32, dims: [{output.shape[1]}] }}'
        for output in session.get_outputs()
    )
    features = session.get_inputs()[0].shape[1]
    return CONFIG.format(
        name=MODEL, rows=MAX_BATCH_ROWS, input=INPUT, features=features, outputs=outputs
    )


def _python(environment: Path, program: str) -> str:
    python = environment / "bin" / "python"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()
