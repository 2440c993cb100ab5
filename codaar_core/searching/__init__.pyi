from .command import search as search
from .results import Found as Found
from .results import Hit as Hit
from .results import Recall as Recall
