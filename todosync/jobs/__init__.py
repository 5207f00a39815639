"""The jobs room: durable jobs, which outlive the process, and those of one process. Imports ``database`` only."""

from .failed_executions import FailedExecution, FailedExecutions
from .jobs import Jobs, QueueState, perform
from .local_jobs import SAFETY_INTERVAL, LocalJobs
from .policy import JobInterruptedError, job

__all__ = [
    'SAFETY_INTERVAL',
    'FailedExecution',
    'FailedExecutions',
    'JobInterruptedError',
    'Jobs',
    'LocalJobs',
    'QueueState',
    'job',
    'perform',
]
