"""Which drivers are under the contract, and how each is wired: one file per family.

Every module here has a tuple ``CASES``; a new file is found by itself.
"""

from importlib import import_module
from pkgutil import iter_modules

from tests.contract.cases.case import Case


def _found() -> list[Case]:
    names = sorted(module.name for module in iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return [case for module in modules for case in getattr(module, "CASES", ())]


CASES = _found()
WIRED = [case for case in CASES if case.framing != "mqtt"]
