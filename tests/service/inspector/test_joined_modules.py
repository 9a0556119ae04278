import pytest

from service.inspector.joined_modules import ModuleError, join_modules, resolved

# b is imported twice, under another name the second time.
MODULES = {
    "main.js": b'import { a } from "./part/a.js";\nimport { b as two } from "./b.js";\na(two);\n',
    "part/a.js": b"""import {
  b,
} from "../b.js";
export async function a() {}
export class A {}
const load = () => import("./later.js");
""",
    "b.js": b"export const b = 1;\n",
    "part/later.js": b"",
}


def test_the_main_file_has_a_block_for_each_module_in_the_order_of_imports() -> None:
    assert (
        join_modules("main.js", MODULES)["main.js"].decode()
        == """export const joinedModules = {};
// b.js
{
const b = 1;
joinedModules["b.js"] = { b };
}
// part/a.js
{
const { b } = joinedModules["b.js"];
async function a() {}
class A {}
const load = () => import("./part/later.js");
joinedModules["part/a.js"] = { a, A };
}
// main.js
{
const { a } = joinedModules["part/a.js"];
const { b: two } = joinedModules["b.js"];
a(two);
joinedModules["main.js"] = {};
}
"""
    )


def test_the_other_files_export_what_the_main_file_holds() -> None:
    files = join_modules("main.js", MODULES)
    assert sorted(files) == ["b.js", "main.js", "part/a.js"]
    assert files["b.js"].decode() == (
        'import { joinedModules } from "./main.js";\nexport const { b } = joinedModules["b.js"];\n'
    )
    assert files["part/a.js"].decode() == (
        'import { joinedModules } from "../main.js";\n'
        'export const { a, A } = joinedModules["part/a.js"];\n'
    )


def test_a_module_without_exports_only_runs_the_main_file() -> None:
    modules = {"main.js": b'import "./panel.js";\n', "panel.js": b"define();\n"}
    assert join_modules("main.js", modules)["panel.js"] == b'import "./main.js";\n'


FORMS = (
    'expected `import { … } from "./…";`, `import("./…")`, `import.meta.url` or one exported '
    "function, class or const"
)


def refusal(source: str, **others: bytes) -> str:
    """Return why a main file cannot be joined."""
    contents = {name.replace("_", "/") + ".js": text for name, text in others.items()}
    with pytest.raises(ModuleError) as error:
        join_modules("main.js", {"main.js": f"{source}\n".encode(), **contents})
    return str(error.value)


@pytest.mark.parametrize(
    "line",
    [
        "export default class {}",
        "export let a = 1;",
        'export { a } from "./a.js";',
        'import * as a from "./a.js";',
        'import a from "./a.js";',
        'import { a } from "a";',
        'import { "a-b" as a } from "./a.js";',
        "  export const a = 1;",
        "export const { a } = b;",
        "export const $a = 1;",
        "export const a$ = 1;",
        "export const a = 1, b = 2;",
        "export const a = [1, 2], b = {",
        "export const a = () => { f(1, 2); }, b = 2;",
        'export const a = ";", b = 2;',
        "export const a = `;`, b = 2;",
        "export const a = 1",
    ],
)
def test_another_form_of_import_or_export_is_refused(line: str) -> None:
    assert refusal(line, a=b"export const a = 1;") == f"main.js: {FORMS}, found `{line.strip()}`"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("const load = () => import(path);", "import(path);"),
        ("const load = () => import(`./a.js`);", "import(`./a.js`);"),
        ("const load = () => import (later);", "import (later);"),
        ("const { dirname } = import.meta;", None),
        ("const name = import.meta.dirname;", "import.meta.dirname;"),
    ],
)
def test_an_import_that_cannot_be_read_is_refused(line: str, found: str | None) -> None:
    found = found or "import.meta;"
    assert refusal(line, a=b"") == f"main.js: {FORMS}, found `{found}`"


def test_a_later_import_in_another_form_is_refused() -> None:
    for load in ('import("package");', 'import ("./a.js");'):
        assert refusal(load, a=b"") == f"main.js: {FORMS}, found `{load}`"


@pytest.mark.parametrize(
    "declaration",
    [
        "export const a = f(1, [2, 3], { b: 1, c: 2 });",
        'export const a = ", b = 2";',
        "export const a = `, b = ${1}`;",
        "export const a = (x, y) => {\n  const c = 1, d = 2;\n  return c;\n};",
        "export const a = [\n  1,\n  2,\n];",
        "export const a = 1; // and, b",
    ],
)
def test_a_comma_within_a_value_is_allowed(declaration: str) -> None:
    files = join_modules("main.js", {"main.js": f"{declaration}\n".encode()})
    assert files["main.js"].decode().endswith('joinedModules["main.js"] = { a };\n}\n')


@pytest.mark.parametrize(
    "source",
    [
        'const a = `\nimport { b } from "./b.js";\n`;',
        'const a = `${x}` + `\nimport "./b.js";\n`;',
        'const a = "`" + `\nexport const b = 1;\n`;',
        'const a = "\\\nimport(b)";',
    ],
)
def test_a_string_of_several_lines_is_refused(source: str) -> None:
    """Its lines could look like code, or like a comment that is not sent."""
    first = source.splitlines()[0]
    assert refusal(source) == f"main.js: expected strings that end in their line, found `{first}`"


@pytest.mark.parametrize(
    "line", ["const a = `b`;", "const a = `${`b`}`;", r"const a = `\`` + `b`;"]
)
def test_a_template_in_one_line_is_allowed(line: str) -> None:
    assert line in join_modules("main.js", {"main.js": f"{line}\n".encode()})["main.js"].decode()


def test_a_variable_that_leaves_its_block_is_refused() -> None:
    assert refusal("if (a) var b = 1;") == "main.js: expected const or let, found `var b = 1;`"
    assert join_modules("main.js", {"main.js": b'f("var(--b)", "var b");\n'})


def test_the_name_of_the_constant_is_refused_elsewhere() -> None:
    found = refusal("const joinedModules = 1;")
    assert found == "main.js: expected another name, found joinedModules"


def test_the_address_of_a_module_is_its_own() -> None:
    modules = {
        "main.js": b'import { a } from "./part/a.js";\n',
        "part/a.js": b"export const a = import.meta.url;\n",
    }
    joined = join_modules("main.js", modules)["main.js"].decode()
    assert 'const a = new URL("./part/a.js", import.meta.url).href;' in joined


def test_an_imported_name_that_is_not_exported_is_refused() -> None:
    message = "main.js: expected a name that a.js exports, found b"
    assert refusal('import { a, b as c } from "./a.js";', a=b"export const a = 1;") == message
    assert refusal('import {\n  b,\n} from "./a.js";', a=b"const b = 1;") == message


def test_modules_that_are_loaded_later_are_checked_too() -> None:
    load = 'const load = () => import("./part/a.js");'
    found = refusal(load)
    assert found == "main.js: expected an import of a file, found part/a.js"
    found = refusal(load, part_a=b'import { b } from "../b.js";\n', b=b"")
    assert found == "part/a.js: expected a name that b.js exports, found b"
    found = refusal(load, part_a=b'import("./b.js");\n', b=b"")
    assert found == "part/a.js: expected an import of a file, found part/b.js"


def test_modules_that_are_loaded_later_keep_their_files() -> None:
    modules = {
        "main.js": b'import("./a.js");\n',
        "a.js": b'import { b } from "./b.js";\n',
        "b.js": b"export const b = 1;\n",
    }
    assert sorted(join_modules("main.js", modules)) == ["main.js"]


@pytest.mark.parametrize("path", ["./../a.js", "../a.js", "./part/../../a.js"])
def test_an_import_from_outside_is_refused(path: str) -> None:
    message = f"main.js: expected an import below the folder, found {path}"
    assert refusal(f'import "{path}";', a=b"") == message
    assert refusal(f'import("{path}");', a=b"") == message


def test_a_comment_at_the_end_of_a_file_ends_there() -> None:
    files = join_modules("main.js", {"main.js": b"export const a = 1; // one"})
    assert files["main.js"].endswith(b'; // one\njoinedModules["main.js"] = { a };\n}\n')


def test_a_circle_of_imports_is_refused() -> None:
    modules = {"main.js": b'import "./a.js";\n', "a.js": b'import "./b.js";\n'}
    modules["b.js"] = b'import "./a.js";\n'
    with pytest.raises(ModuleError) as error:
        join_modules("main.js", modules)
    assert str(error.value) == "expected imports without a circle, found a.js → b.js → a.js"


def test_an_import_of_no_file_is_refused() -> None:
    found = refusal('import "./a.js";')
    assert found == "main.js: expected an import of a file, found a.js"


@pytest.mark.parametrize(
    ("module", "imported", "path"),
    [
        ("main.js", "./a.js", "a.js"),
        ("part/a.js", "./b.js", "part/b.js"),
        ("part/deep/a.js", "../../c.js", "c.js"),
    ],
)
def test_relative_paths(module: str, imported: str, path: str) -> None:
    assert resolved(module, imported) == path
