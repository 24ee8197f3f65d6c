"""Python imports this at its start where its folder is on PYTHONPATH: the modules of BLOCKED are not installed then."""

import os
import sys
from importlib.machinery import PathFinder

BLOCKED = set(filter(None, os.environ.get("BLOCKED", "").split(",")))


class WithoutBlocked(PathFinder):
    """Finds what is installed, less what is blocked: who only asks whether a module is there is told that it is not."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None if fullname.partition(".")[0] in BLOCKED else super().find_spec(fullname, path, target)


sys.meta_path[:] = [WithoutBlocked if finder is PathFinder else finder for finder in sys.meta_path]
