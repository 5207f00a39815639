"""The streams room, the read side: a table, its copy in each process, and its way to the browsers.

Imports ``cable``, ``clock``, ``database``, ``ids``, ``jobs`` and ``settings``.
"""

from .broadcaster import Broadcaster
from .cache import Cache, CacheEntry, MemoryCache
from .caches import make_cache
from .channel import Channel
from .channels import Channels, check_names
from .columns import is_uuid, plain_type
from .disk_cache import DiskCache
from .embedding import escape_for_script
from .fetch import Fetch
from .keys import told_key
from .listening import listen
from .looking import Looking
from .messages import Delta, Row, RowId, ScopeValue, Snapshot, head
from .mistakes import check_texts, nearest, unknown
from .reading import UnservableError
from .replica import Replica
from .rights import REFUSAL, Rights, RightsWatch, name_of, person, person_key
from .scope import NOT_STORED, key_of, read_scope
from .scope_channels import ScopeChannels
from .source import Source
from .stream import Stream
from .texts import Plural, plural
from .totals import Total, count, total
from .values import carried
from .version import NOTHING, Version

__all__ = [
    'NOTHING',
    'NOT_STORED',
    'REFUSAL',
    'Broadcaster',
    'Cache',
    'CacheEntry',
    'Channel',
    'Channels',
    'Delta',
    'DiskCache',
    'Fetch',
    'Looking',
    'MemoryCache',
    'Plural',
    'Replica',
    'Rights',
    'RightsWatch',
    'Row',
    'RowId',
    'ScopeChannels',
    'ScopeValue',
    'Snapshot',
    'Source',
    'Stream',
    'Total',
    'UnservableError',
    'Version',
    'carried',
    'check_names',
    'check_texts',
    'count',
    'escape_for_script',
    'head',
    'is_uuid',
    'key_of',
    'listen',
    'make_cache',
    'name_of',
    'nearest',
    'person',
    'person_key',
    'plain_type',
    'plural',
    'read_scope',
    'told_key',
    'total',
    'unknown',
]
