"""Mutated model files: what a fault of a disk, or an attacker, makes of a valid file.

`check_mutations(count)` is a test of any length: each file is refused with one sentence in time, or
computes the outputs of the original.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.classifier import Classifier, read_metadata
from service.contract import GATE_MEAN, INPUT, PROBABILITIES, ContractError
from service.trial import try_artifact
from tests.service.hostile_files import field as wire_field
from tests.service.hostile_files import with_digest

SECONDS, MEMORY_BYTES = 2.0, 1 << 29
Bytes = bytes | bytearray


@dataclass
class Report:
    """What became of the mutated files, and the longest time that one of them took."""

    refused_by_rules: int = 0
    refused_in_trial: int = 0
    unchanged: int = 0
    slowest_seconds: float = 0.0
    sentences: set[str] = field(default_factory=set)


def check_mutations(originals: Sequence[bytes], count: int, *, seed: int = 0) -> Report:
    """Try `count` mutated files, each derived from one of `originals`."""
    report = Report()
    numbers = random.Random(seed)
    models = [(content, Classifier(content)) for content in originals]
    for index in range(count):
        content, model = models[index % len(models)]
        mutated = mutate(content, numbers)
        start = time.monotonic()
        try:
            _check(mutated, content, model, report)
        except ContractError as error:
            sentence = str(error)
            assert len(sentence.splitlines()) == 1, sentence
            assert len(sentence) < 1000, sentence
            report.sentences.add(sentence)
        seconds = time.monotonic() - start
        assert seconds < SECONDS + 1, f"mutation {index} of seed {seed} took {seconds:.1f} s"
        report.slowest_seconds = max(report.slowest_seconds, seconds)
    return report


def _check(mutated: bytes, content: bytes, original: Classifier, report: Report) -> None:
    try:
        read_metadata(mutated)
    except ContractError:
        report.refused_by_rules += 1
        raise
    try:
        try_artifact(mutated, seconds=SECONDS, memory_bytes=MEMORY_BYTES)
    except ContractError:
        report.refused_in_trial += 1
        raise
    report.unchanged += 1
    model = Classifier(mutated)
    record, expected = (m.metadata.verification for m in (model, original))
    if record["digest"] == expected["digest"]:
        assert mutated == content
    rows = np.asarray(expected["golden"][INPUT], np.float32)
    for name in (PROBABILITIES, GATE_MEAN):  # of these the file has a record
        outputs, others = (getattr(m.run(rows), name) for m in (model, original))
        assert np.allclose(outputs, others, atol=2e-3), name


def mutate(content: bytes, numbers: random.Random) -> bytes:
    """Return the content with one to three changes; in two of three files the digest is valid."""
    changed = bytearray(content)
    for _ in range(numbers.randint(1, 3)):
        numbers.choice(CHANGES)(changed, numbers)
    return with_digest(bytes(changed)) if numbers.random() < 2 / 3 else bytes(changed)


def _flip_bit(content: bytearray, numbers: random.Random) -> None:
    content[numbers.randrange(len(content))] ^= 1 << numbers.randrange(8)


def _flip_bit_of_structure(content: bytearray, numbers: random.Random) -> None:
    """Flip a bit near a node or a weight's description, which most bytes of a file are not in."""
    start, _ = numbers.choice(list(_fields(bytes(content))) or [(0, 0)])
    position = min(start + numbers.randrange(12), len(content) - 1)
    content[position] ^= 1 << numbers.randrange(8)


def _truncate(content: bytearray, numbers: random.Random) -> None:
    del content[numbers.randrange(1, len(content)) :]


def _delete_field(content: bytearray, numbers: random.Random) -> None:
    _replace_field(content, numbers, lambda field: b"")


def _duplicate_field(content: bytearray, numbers: random.Random) -> None:
    _replace_field(content, numbers, lambda field: field + field)


def _move_field(content: bytearray, numbers: random.Random) -> None:
    """Write a field of the graph in another one's place."""
    other, end = numbers.choice(list(_fields(bytes(content))) or [(0, 0)])
    moved = bytes(content[other:end])
    _replace_field(content, numbers, lambda field: moved)


def _change_length(content: bytearray, numbers: random.Random) -> None:
    start, _ = numbers.choice(list(_fields(bytes(content))) or [(0, 0)])
    if start + 1 < len(content):
        content[start + 1] = numbers.choice([0, 1, 0x7F, 0x80, 0xFF, numbers.randrange(256)])


def _splice(content: bytearray, numbers: random.Random) -> None:
    """Copy some bytes of the file to another place in it."""
    source, target = (numbers.randrange(len(content)) for _ in range(2))
    length = numbers.randrange(1, 200)
    content[target : target + length] = content[source : source + length]


def _insert_number(content: bytearray, numbers: random.Random) -> None:
    position = numbers.randrange(len(content))
    extreme = numbers.choice([0, -1, 2**31 - 1, 2**31, 2**63 - 1, -(2**63)])
    content[position : position + 8] = extreme.to_bytes(8, "little", signed=True)


CHANGES: Sequence[Callable[[bytearray, random.Random], None]] = (
    _flip_bit,
    _flip_bit_of_structure,
    _flip_bit_of_structure,
    _truncate,
    _delete_field,
    _duplicate_field,
    _move_field,
    _change_length,
    _splice,
    _insert_number,
)


def _replace_field(
    content: bytearray, numbers: random.Random, change: Callable[[bytes], bytes]
) -> None:
    """Change a field of the graph, and keep the graph's own length right."""
    graph = _graph(bytes(content))
    fields = list(_fields(bytes(content)))
    if graph is None or not fields:
        return
    key, start, end = graph
    first, last = numbers.choice(fields)
    inner = bytes(content[start:first]) + change(bytes(content[first:last]))
    content[key:end] = wire_field(7, inner + bytes(content[last:end]))


def _graph(content: bytes) -> tuple[int, int, int] | None:
    """Return the positions of the graph's key, its first byte, and its end."""
    for key, start, end in _length_fields(content, 0, len(content)):
        if content[key] == 7 << 3 | 2:
            return key, start, end
    return None


def _fields(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of each node, weight, input and output of the graph."""
    graph = _graph(content)
    if graph is not None:
        for key, _, end in _length_fields(content, graph[1], graph[2]):
            yield key, end


def _length_fields(content: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield key, first byte and end of the fields of a message, until one is malformed."""
    while position < end:
        key = position
        position += 1
        length = shift = 0
        while position < end:
            length |= (content[position] & 0x7F) << shift
            shift += 7
            position += 1
            if content[position - 1] < 0x80:
                break
        if content[key] & 7 == 2:
            if position + length > end:
                return
            yield key, position, position + length
            position += length
        elif content[key] & 7 != 0:
            return
