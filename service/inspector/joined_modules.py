"""The modules of the first view as one file, so that a slow network needs one request for all.

Each module becomes a block, in which its imports are constants; the file exports what all of them
export. A module that is imported by its own path, as a view that is loaded later does, gets the
same values from that file. Forms of JavaScript that would mean something else there are refused.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

MODULES = "joinedModules"  # the constant that holds what all modules export, by path

_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.[^"]+)";\n', re.MULTILINE)
_IMPORTED = re.compile(r"(\w+)(?: as (\w+))?")
_EXPORT = re.compile(
    r"^export ((?:async )?function\*?|class|const) (\w+)(?![\w$])(.*)", re.MULTILINE
)
_DYNAMIC = re.compile(r'\bimport\("(\.[^"]+)"\)')
_URL = re.compile(r"\bimport\.meta\.url\b")
# What the patterns above have left of statements, and of expressions.
_UNREADABLE = re.compile(r"^[ \t]*(?:import\b(?!\s*[(.])|export\b).*", re.MULTILINE)
_UNREADABLE_IMPORT = re.compile(r'\bimport(?!\("\./[^"]+"\)|\.meta\.url\b)\s*[(.].*')
_STRING = r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\\n]|\\.)*`'
_STRINGS = re.compile(_STRING)
# A comma between two names, the end of a declaration, brackets, and strings, which may hold any.
_PART = re.compile(rf"{_STRING}|[,;()\[\]{{}}]")
_VARIABLE = re.compile(r"\bvar\s+[\w{\[$].*")  # it would be visible outside its block


class ModuleError(ValueError):
    """A module in a form that cannot be joined; the message names the file and the line."""


class _Import(NamedTuple):
    path: str
    names: tuple[str, ...]  # as the other module exports them


class _Module(NamedTuple):
    """A module as a block: what it imports, now and later, the names that it exports, its code."""

    imports: tuple[_Import, ...]
    later: tuple[str, ...]
    exports: tuple[str, ...]
    code: str


def join_modules(main: str, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of `main` and of the modules that it imports, however indirectly.

    The file of `main` holds them all. Paths are relative to one folder. Modules that are loaded
    later keep their files, and are checked like the others.
    """
    modules: dict[str, _Module] = {}
    _add(main, contents, modules, ())
    joined = tuple(modules)  # those that are loaded later follow
    while later := {path for module in modules.values() for path in module.later} - modules.keys():
        _add(min(later), contents, modules, ())
    blocks = [f"// {path}\n{{\n{modules[path].code}}}\n" for path in joined]
    text = f"export const {MODULES} = {{}};\n" + "".join(blocks)
    files = {path: _forwarded(path, main, modules[path]) for path in joined}
    return {path: text.encode() for path, text in {**files, main: text}.items()}


def _add(
    path: str,
    contents: Mapping[str, bytes],
    modules: dict[str, _Module],
    importers: tuple[str, ...],
) -> None:
    """Add a module after all that it imports, as the browser would run them."""
    if path in importers:
        circle = " → ".join((*importers[importers.index(path) :], path))
        raise ModuleError(f"expected imports without a circle, found {circle}")
    if path in modules:
        return
    module = _read(path, contents[path].decode())
    for imported in (*(imported.path for imported in module.imports), *module.later):
        if imported not in contents:
            raise ModuleError(f"{path}: expected an import of a file, found {imported}")
    for imported, names in module.imports:
        _add(imported, contents, modules, (*importers, path))
        exports = modules[imported].exports
        for name in names:
            if name not in exports:
                raise ModuleError(f"{path}: expected a name that {imported} exports, found {name}")
    modules[path] = module


def _read(path: str, source: str) -> _Module:
    _check_lines(path, source)
    imports: list[_Import] = []
    later: list[str] = []

    def constants(match: re.Match[str]) -> str:
        target = resolved(path, match[2])
        names = dict(_imported_names(path, match))
        imports.append(_Import(target, tuple(names)))
        if match[1] is None:
            return ""
        listed = ", ".join(f"{name}: {own}" if own else name for name, own in names.items())
        return f'const {{ {listed} }} = {MODULES}["{target}"];\n'

    def loaded(match: re.Match[str]) -> str:
        later.append(resolved(path, match[1]))
        return f'import("./{later[-1]}")'

    code = _IMPORT.sub(constants, source if source.endswith("\n") else f"{source}\n")
    for declaration in _EXPORT.finditer(code):
        if declaration[1] == "const" and not _is_alone(code[declaration.start(3) :]):
            raise _refused(path, declaration[0])
    exports = tuple(match[2] for match in _EXPORT.finditer(code))
    code = _EXPORT.sub(r"\1 \2\3", code)
    code = _DYNAMIC.sub(loaded, code)
    unreadable = _UNREADABLE.search(code) or _UNREADABLE_IMPORT.search(code)
    if unreadable:
        raise _refused(path, unreadable[0].strip())
    code = _URL.sub(f'new URL("./{path}", import.meta.url).href', code)
    code += f'{MODULES}["{path}"] = {_listed(exports)};\n'
    return _Module(tuple(imports), tuple(later), exports, code)


def _imported_names(path: str, statement: re.Match[str]) -> Iterator[tuple[str, str | None]]:
    """Yield each name that an import names, and the other name that the module gives it."""
    for part in (statement[1] or "").split(","):
        words = " ".join(part.split())
        match = _IMPORTED.fullmatch(words)
        if match:
            yield match[1], match[2]
        elif words:
            raise _refused(path, statement[0].strip())


def _check_lines(path: str, source: str) -> None:
    """Refuse strings of several lines, whose lines may look like code, and shared variables."""
    for line in source.splitlines():
        rest = _STRINGS.sub("", line)
        if "`" in rest or line.endswith("\\"):
            raise ModuleError(f"{path}: expected strings that end in their line, found `{line}`")
        variable = _VARIABLE.search(rest)
        if variable:
            raise ModuleError(f"{path}: expected const or let, found `{variable[0]}`")
    if re.search(rf"\b{MODULES}\b", source):
        raise ModuleError(f"{path}: expected another name, found {MODULES}")


def _is_alone(rest: str) -> bool:
    """Return whether a declaration, without its first name, ends before another name."""
    depth = 0
    for part in _PART.finditer(rest):
        if part[0] in "([{":
            depth += 1
        elif part[0] in ")]}":
            depth -= 1
        elif depth == 0 and part[0] in ",;":
            return part[0] == ";"
    return False


def _refused(path: str, found: str) -> ModuleError:
    return ModuleError(
        f'{path}: expected `import {{ … }} from "./…";`, `import("./…")`, `import.meta.url` or one '
        f"exported function, class or const, found `{found}`"
    )


def resolved(module: str, imported: str) -> str:
    """Return the path of a relative import."""
    parts = module.split("/")[:-1]
    for part in imported.split("/"):
        if part == "..":
            if not parts:
                raise ModuleError(
                    f"{module}: expected an import below the folder, found {imported}"
                )
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _forwarded(path: str, main: str, module: _Module) -> str:
    """Return the file of a module that exports what the joined file holds of it."""
    source = "../" * path.count("/") + main
    start = source if source.startswith("../") else f"./{source}"
    if not module.exports:
        return f'import "{start}";\n'
    names = _listed(module.exports)
    return f'import {{ {MODULES} }} from "{start}";\nexport const {names} = {MODULES}["{path}"];\n'


def _listed(names: tuple[str, ...]) -> str:
    return f"{{ {', '.join(names)} }}" if names else "{}"
