"""The app on a NiceGUI whose page does not do what the shared socket rests on."""

import runpy
from pathlib import Path

from todosync.tabs import nicegui_contract

nicegui_contract.PAGE_SNIPPETS['the page does what it never did'] = 'no such snippet'
runpy.run_path(str(Path(__file__).parent.parent.parent / 'main.py'), run_name='__main__')
