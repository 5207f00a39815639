from .assembly import SyncServer, setup
from .database import Database, DatabaseUnavailableError, UnknownOutcomeError, sql_now
from .elements import BrowserList, LiveElement, LiveList, LiveText, LiveTitle, stream_expression, total_expression
from .http import RefusalRoute, RefusedError, allow_methods, json_response, read_json, run_options
from .ids import IdMaker, new_id
from .jobs import FailedExecution, JobInterruptedError, job
from .package import MissingExtraError, __version__
from .production import ProcessReport, add_production
from .runtime import broadcast_later, current_server, enqueue, read_rows
from .settings import Settings
from .streams import CacheEntry, Row, Stream, Version, count, plural, total
from .tabs import Role, share_socket
from .views import Live, LogEntry, Rows, View, use_stream, use_view
from .writes import RefusedWriteError, RowGoneError, RowOrId, Write, Writer, insert_shape, update_shape

__all__ = [
    'BrowserList',
    'CacheEntry',
    'Database',
    'DatabaseUnavailableError',
    'FailedExecution',
    'IdMaker',
    'JobInterruptedError',
    'Live',
    'LiveElement',
    'LiveList',
    'LiveText',
    'LiveTitle',
    'LogEntry',
    'MissingExtraError',
    'ProcessReport',
    'RefusalRoute',
    'RefusedError',
    'RefusedWriteError',
    'Role',
    'Row',
    'RowGoneError',
    'RowOrId',
    'Rows',
    'Settings',
    'Stream',
    'SyncServer',
    'UnknownOutcomeError',
    'Version',
    'View',
    'Write',
    'Writer',
    '__version__',
    'add_production',
    'allow_methods',
    'broadcast_later',
    'count',
    'current_server',
    'enqueue',
    'insert_shape',
    'job',
    'json_response',
    'new_id',
    'plural',
    'read_json',
    'read_rows',
    'run_options',
    'setup',
    'share_socket',
    'sql_now',
    'stream_expression',
    'total',
    'total_expression',
    'update_shape',
    'use_stream',
    'use_view',
]
