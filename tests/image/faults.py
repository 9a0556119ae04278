"""Images and options with one fault each, and the finding that a check must have for it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.image import checks
from tests.image.checks import Subject
from tests.image.engine import derive

SITE = "/opt/service/lib/python3.11/site-packages"
MEMORY = "--memory=256m"


@dataclass(frozen=True)
class Fault:
    """`check` finds `finding` in the image with these lines, or with these options."""

    check: Callable[[Subject], list[str]]
    finding: str
    lines: tuple[str, ...] = ()
    options: tuple[str, ...] | None = None

    def subject(self, name: str) -> Subject:
        """Build the image with the fault under a name; with options only, take the image itself."""
        subject = Subject(derive(name, self.lines)) if self.lines else Subject()
        return subject if self.options is None else Subject(subject.image, self.options)


HOST = "--network=host"
CONFINED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", HOST, MEMORY)
FAULTS = (
    Fault(checks.contents, "user", ("USER 0:0",)),
    Fault(checks.contents, "can write", ("COPY --chown=65532:65532 file /app/service/",)),
    Fault(checks.contents, "change the user", ("COPY --chmod=4755 file /usr/bin/file",)),
    Fault(checks.contents, "modules", (f"COPY file {SITE}/torch/__init__.py",)),
    Fault(checks.contents, "modules", (f"COPY file {SITE}/pip/__init__.py",)),
    Fault(checks.contents, "programs", ("COPY file /usr/bin/sh",)),
    Fault(checks.contents, "compiled", ("COPY file /app/service/new/module.py",)),
    Fault(checks.contents, "bill of materials", ("COPY file /app/sbom.json",)),
    Fault(checks.metadata, "labels", ('LABEL org.opencontainers.image.revision=""',)),
    Fault(checks.metadata, "volumes", ("VOLUME /app",)),
    Fault(checks.confinement, "could be created", options=("--user=0", HOST, MEMORY)),
    Fault(checks.confinement, "no_new_privileges", options=CONFINED),
    Fault(checks.confinement, "capabilities", options=("--read-only", HOST, MEMORY)),
    Fault(checks.health, "of a stopped", ('HEALTHCHECK CMD ["python", "-c", ""]',)),
    Fault(checks.health, "form", ("HEALTHCHECK CMD python -c 0",)),
    Fault(checks.drain, "exit code", ("STOPSIGNAL SIGKILL",)),
    Fault(checks.drain, "without an answer", ("STOPSIGNAL SIGKILL",)),
    Fault(checks.volume, "ledger", ("ENV HIGHWAY_LEDGER_URL=sqlite:////data/../dev/shm/l.db",)),
    Fault(checks.limit, "exit code", options=("--memory=2g",)),
)
