"""Options of an onnxruntime session, and what is compared."""

from dataclasses import dataclass, field
from typing import Any

from service.runtime import onnxruntime

SERVER = "this server"
DEFAULT = "default session"

_SAME_AS_REQUESTED = 1  # the arena gets no more than a run needs; by default it doubles
_SHRINK = {"memory.enable_memory_arena_shrinkage": "cpu:0"}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Options of a session or, with `server`, the server's classifier."""

    server: bool = False
    threads: int = 1
    arena: bool = True
    pattern: bool = True
    arena_strategy: int | None = None
    own_malloc: bool = False  # glibc's thresholds instead of the server's
    fetched_only: bool = False
    run_entries: dict[str, str] = field(default_factory=dict)
    session_entries: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    def session(self, content: bytes) -> onnxruntime.InferenceSession:
        """Load a file with these options."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.enable_cpu_mem_arena, options.enable_mem_pattern = self.arena, self.pattern
        entries = {"session.intra_op.allow_spinning": "0"} | self.session_entries
        if self.arena_strategy is not None:
            _register_arena(self.arena_strategy)
            entries["session.use_env_allocators"] = "1"
        for name, value in entries.items():
            options.add_session_config_entry(name, value)
        for name, value in self.attributes.items():
            setattr(options, name, value)
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run_options(self) -> onnxruntime.RunOptions | None:
        """Return the options of a run, None if there are none."""
        if not self.run_entries and not self.fetched_only:
            return None
        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = self.fetched_only
        for name, value in self.run_entries.items():
            options.add_run_config_entry(name, value)
        return options


def _register_arena(strategy: int) -> None:
    """Create the arena that the sessions of this process share."""
    kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    memory = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    onnxruntime.create_and_register_allocator(
        memory, onnxruntime.OrtArenaCfg({"arena_extend_strategy": strategy})
    )


_NEITHER = Configuration(arena=False, pattern=False)
_PATTERN = Configuration(arena=False)

# The first of each group is the reference.
MEMORY = {
    DEFAULT: Configuration(),
    SERVER: Configuration(server=True),
    "pattern, no arena": _PATTERN,
    "the same, glibc's own thresholds": Configuration(arena=False, own_malloc=True),
    "neither": _NEITHER,
    "arena, no pattern": Configuration(pattern=False),
    "both, same as requested": Configuration(arena_strategy=_SAME_AS_REQUESTED),
    "both, same as requested, shrinking": Configuration(
        arena_strategy=_SAME_AS_REQUESTED, run_entries=_SHRINK
    ),
}

_LEVELS = onnxruntime.GraphOptimizationLevel
OPTIONS = {
    "pattern, no arena": _PATTERN,
    "the same again (noise)": _PATTERN,
    "only the path to the outputs": Configuration(arena=False, fetched_only=True),
    "graph optimisation: none": Configuration(
        arena=False, attributes={"graph_optimization_level": _LEVELS.ORT_DISABLE_ALL}
    ),
    "graph optimisation: basic": Configuration(
        arena=False, attributes={"graph_optimization_level": _LEVELS.ORT_ENABLE_BASIC}
    ),
    "graph optimisation: extended": Configuration(
        arena=False, attributes={"graph_optimization_level": _LEVELS.ORT_ENABLE_EXTENDED}
    ),
    "denormal numbers as zero": Configuration(
        arena=False, session_entries={"session.set_denormal_as_zero": "1"}
    ),
    "no prepacked weights": Configuration(
        arena=False, session_entries={"session.disable_prepacking": "1"}
    ),
    "order of execution by priority": Configuration(
        arena=False, attributes={"execution_order": onnxruntime.ExecutionOrder.PRIORITY_BASED}
    ),
    "no reuse of memory": Configuration(arena=False, attributes={"enable_mem_reuse": False}),
}

THREADS = {
    "1 thread": Configuration(arena=False),
    "onnxruntime, 2 threads": Configuration(arena=False, threads=2),
    "this server, 1 thread": Configuration(server=True),
    "this server, 2 threads": Configuration(server=True, threads=2),
}
