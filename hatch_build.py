"""Put the built subscriber app into the wheel and the sdist, so that installing needs no Node."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ViewerAppHook(BuildHookInterface[Any]):
    """Builds viewer/ into src/matinee/viewer_app when its sources changed; not for editable installs."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the app. Raises RuntimeError when that fails or there is nothing to ship."""
        if version == "editable":
            return
        root = Path(self.root)
        if not (root / "viewer" / "package.json").exists():
            return
        done = subprocess.run([sys.executable, str(root / "scripts" / "viewer.py"), "build"], check=False)
        if done.returncode != 0:
            raise RuntimeError("The subscriber app could not be built; see above.")
        if not (root / "src" / "matinee" / "viewer_app" / "index.html").exists():
            raise RuntimeError("The build of the subscriber app left no index.html.")
