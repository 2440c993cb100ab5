"""BadClips"""

from codaar_core.api import DataError
from codaar_core.features import BadClips

BadClips("skip", share=0.01).check({"dog": "dog.npy is missing"}, clips=1000)  # 10 may be left out
try:
    BadClips().check({"dog": "dog.npy is missing"}, clips=1000)
except DataError as error:
    assert "1 of 1,000 clips" in error.message
