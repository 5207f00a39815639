"""docs/protocol.md has the same names and numbers as the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / 'docs' / 'protocol.md').read_text()
NAMES = (
    'tabs/election.js',
    'tabs/tab.js',
    'tabs/tab_socket.js',
    'tabs/carrier.js',
    'tabs/follower.js',
    'tabs/session.js',
    'tabs/messages.js',
    'tabs/reloads.js',
    'streams/relay.js',
    'writes/outbox.js',
    'writes/sender.js',
    'presence/presence.js',
)
MODULES = {Path(name).name: (ROOT / 'assets' / name).read_text() for name in NAMES}
SERVER = '\n'.join(
    (ROOT / 'todosync' / name).read_text()
    for name in (
        'tabs/sharing.py',
        'tabs/tabs.py',
        'tabs/carrying.py',
        'assembly.py',
        'streams/channel.py',
        'presence/presences.py',
    )
)


def section(title: str) -> str:
    return DOCUMENT.split(f'\n## {title}\n')[1].split('\n## ')[0]


def first_cells(title: str) -> set[str]:
    return set(re.findall(r'^\| `(\w+)` \|', section(title), re.MULTILINE))


def test_the_tabs_do_not_know_what_travels_over_their_socket() -> None:
    for module in (ROOT / 'assets' / 'tabs').glob('*.js'):
        assert not re.search('stream', module.read_text(), re.IGNORECASE), module.name


def test_the_types_of_the_messages_between_tabs_are_those_that_the_code_sends_and_reads() -> None:
    code = '\n'.join(MODULES.values())
    sent = set(re.findall(r'type: "(\w+)"', code)) | set(re.findall(r'\b(?:post|reply)\("(\w+)"', code))
    read = set(re.findall(r'message\.type === "(\w+)"', code))
    assert first_cells('Messages between tabs') == sent == read


def test_the_socket_events_are_those_that_the_browser_and_the_server_know() -> None:
    in_browser = set(
        re.findall(
            r'"(todosync_(?!focus")\w+)"',  # which is an event of NiceGUI's page
            MODULES['carrier.js'] + MODULES['relay.js'] + MODULES['sender.js'] + MODULES['presence.js'],
        )
    )
    events = 'hello|join|leave|up|fetch|write|probe|down|data|answer|editing|editing_all'
    on_server = set(re.findall(rf'\b(todosync_(?:{events}))\b', SERVER))
    assert first_cells('Messages between the leader and the server') == in_browser == on_server


def test_the_reasons_of_refusals_are_those_of_the_server() -> None:
    refusals = re.search(r'Refusal = Literal\[(.*)\]', SERVER)
    assert refusals
    row = next(line for line in DOCUMENT.splitlines() if line.startswith('| `todosync_join`'))
    assert re.findall(r'`(\w+)`', row.split('`reason`: ')[1]) == re.findall(r"'(\w+)'", refusals[1])


def test_the_timings_are_those_of_the_code() -> None:
    in_code = {
        (name, int(value), module)
        for module, text in MODULES.items()
        for name, value in re.findall(r'^(?:export )?const (\w+_MS) = (\d+);', text, re.MULTILINE)
    }
    rows = re.findall(r'^\| `(\w+_MS)` \| (\d+) \| (\S+) \|', section('Timings'), re.MULTILINE)
    assert {(name, int(value), module) for name, value, module in rows} == in_code


def test_timings_that_the_text_mentions_exist() -> None:
    assert set(re.findall(r'`(\w+_MS)`', DOCUMENT)) == first_cells('Timings')


def test_the_names_of_the_channel_and_of_the_lock_are_those_of_the_code() -> None:
    [number] = re.findall(r'const PROTOCOL = (\d+);', MODULES['messages.js'])
    names = re.findall(r'const (?:CHANNEL|LOCK|TAB_LOCK) = `todosync-\$\{PROTOCOL\}(.*)`;', MODULES['messages.js'])
    assert names == ['', '-leader', '-tab']
    assert f'BroadcastChannel `todosync-{number}`' in DOCUMENT
    assert f'`todosync-{number}-leader:<session>`' in DOCUMENT
