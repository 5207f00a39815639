"""Live, shared tables and one socket per browser, for NiceGUI.

The public names stand in ``__init__.pyi``. Each is loaded when it is first asked for (PEP 562): to import todosync
imports nothing else.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
