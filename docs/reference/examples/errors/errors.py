"""CodaarError, ComponentError, DataError"""

from codaar_core.api import CodaarError, ComponentError, DataError

error = DataError("clips/dog.npy is missing", "extract it again")
assert isinstance(error, CodaarError) and error.exit_code == 1
assert str(error) == "clips/dog.npy is missing\n   = help: extract it again"

error = ComponentError("3 heads do not divide the width 8", "change heads")
assert error.exit_code == 2  # the recipe is wrong: nothing was run
