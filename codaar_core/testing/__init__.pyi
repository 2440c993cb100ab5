from .kit import Outcome as Outcome
from .kit import check_plugin as check_plugin
from .parametrised import codaar_checks as codaar_checks
