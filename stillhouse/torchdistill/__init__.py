"""From torchdistill's experiment files to specs: read as data, translated by tables; nothing of them is executed."""

from stillhouse.torchdistill.convert import Imported, convert
from stillhouse.torchdistill.ledger import Remark

__all__ = ["Imported", "Remark", "convert"]
