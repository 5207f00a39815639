"""One script does what the modules do from which it was put together."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from todosync.tabs.modules import Modules
from todosync.tabs.scripts import UnknownFormError, put_together

MODULES = {
    'main.js': 'import { pair } from "./parts/pair.js";\nimport "./parts/late.js";\nsay("main", pair());\n',
    'parts/pair.js': 'import {\n  one,\n  makeTwo,\n} from "./numbers.js";\n\nconst own = 0;\n'
    'export function pair() {\n  return [own, one, makeTwo()];\n}\n',
    'parts/late.js': 'import { one } from "./numbers.js";\nconst own = one;\nsay("late", own);\n',
    'parts/numbers.js': 'say("numbers");\nexport const one = 1;\nexport async function makeOne() {}\n'
    'export function makeTwo() {\n  return one + 1;\n}\nexport class Number {}\n',
    'unused.js': 'say("unused");\n',
}


def test_each_module_runs_once_after_those_that_it_imports_and_keeps_its_own_names(tmp_path: Path) -> None:
    script = tmp_path / 'script.mjs'
    say = 'const say = (...said) => console.log(JSON.stringify(said));\n'
    script.write_text(say + put_together('main.js', MODULES))
    output = subprocess.run(['node', script], capture_output=True, text=True, check=True).stdout
    assert output.splitlines() == ['["numbers"]', '["late",1]', '["main",[0,1,2]]']


def test_what_is_in_no_module_is_imported_once() -> None:
    modules = {
        'a.js': 'import { h, reactive } from "vue";\nimport { b } from "./b.js";\nexport const a = [h, b];\n',
        'b.js': 'import { h } from "vue";\nimport { x } from "other";\nexport const b = h(x);\n',
    }
    first, second, *rest = put_together('a.js', modules).splitlines()
    assert (first, second) == ('import { x } from "other";', 'import { h, reactive } from "vue";')
    assert not [line for line in rest if line.startswith('import')]


@pytest.mark.parametrize(
    'line',
    [
        'export default {};',
        'export { a };',
        'export let a = 1;',
        'export const { a } = b;',
        'export * from "./b.js";',
        'import a from "./b.js";',
        'import * as a from "./b.js";',
        'import { a as b } from "./b.js";',
        'const { a } = await import("./b.js");',
    ],
)
def test_a_form_that_is_not_read_is_refused_by_its_line(line: str) -> None:
    with pytest.raises(UnknownFormError) as refused:
        put_together('a.js', {'a.js': f'const x = 1;\n{line}\n', 'b.js': ''})
    assert str(refused.value) == f'a.js: {line}'


def test_the_scripts_of_pages_have_all_modules() -> None:
    scripts = Modules().scripts
    assert sorted(scripts) == ['leader.js', 'live.js', 'writable.js']
    assets = Path(__file__).parents[2] / 'assets'
    modules = {path.relative_to(assets).as_posix() for path in assets.rglob('*.js')}
    together = scripts['writable.js'].decode()
    missing = {name for name in modules - {'first.js'} if f' // {name}\n' not in together}
    assert not missing
