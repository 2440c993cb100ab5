"""copy_recipes"""

from pathlib import Path

import codaar_core
from codaar_core.api import CodaarError

try:
    written = codaar_core.copy_recipes("ablations/no-csa.toml", to="mine")
except CodaarError as error:  # `pip install codaar` brings recipes
    assert "no installed package ships recipes" in str(error)
else:
    assert written == [Path("mine/ablations/no-csa.toml"), Path("mine/avt.toml")]
