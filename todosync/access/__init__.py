"""The access room: refuses requests that another site has made a browser send. Imports nothing else of todosync."""

from .csrf import refusal as csrf_refusal
from .csrf import token as csrf_token

__all__ = ['csrf_refusal', 'csrf_token']
