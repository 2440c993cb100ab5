"""opened_recording, pyav

Both need PyAV; without it they say which package to install.
"""

import wave
from pathlib import Path

from codaar_core.api import DataError
from codaar_core.features import opened_recording, pyav

with wave.open("silence.wav", "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(8000)
    file.writeframes(bytes(2 * 8000))

try:
    with opened_recording(Path("silence.wav"), install="codaar-plugin-vggish[media]") as container:
        assert container.streams.audio[0].rate == 8000
    assert pyav(install="codaar-plugin-vggish[media]").__name__ == "av"
except DataError as error:
    assert error.help == "pip install 'codaar-plugin-vggish[media]'"
