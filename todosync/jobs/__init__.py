"""Jobs: functions that run in threads, apart from requests and pages.

This room holds the durable jobs (:class:`Jobs`), which outlive their process, the jobs of one process
(:class:`LocalJobs`), and the record of those that failed. Other rooms
use the names below and no module inside. Imports ``clock`` and ``database``.
"""

from .durable import Jobs, QueueState
from .failed import FailedExecution, FailedExecutions
from .local import SAFETY_INTERVAL, LocalJobs
from .policy import JobInterruptedError, job
from .table import RunningJob

__all__ = [
    'SAFETY_INTERVAL',
    'FailedExecution',
    'FailedExecutions',
    'JobInterruptedError',
    'Jobs',
    'LocalJobs',
    'QueueState',
    'RunningJob',
    'job',
]
