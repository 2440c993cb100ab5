from .compare.comparison import Comparison as Comparison
from .compare.comparison import compare as compare
from .page import write as write
from .record import read as read
from .runs import list_runs as list_runs
from .tables import terminal as terminal
