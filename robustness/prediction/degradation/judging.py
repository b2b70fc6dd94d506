"""Opens what tells instructions from foreign texts, with its sentence encoder if that is here.

Apart from `support`, since an encoder needs torch.
"""

from pathlib import Path

from robustness.index.observed_index import ObservedIndex
from robustness.models import sentence_encoder
from robustness.prediction.degradation import embeddings, support
from robustness.prediction.degradation.predictor import Calibration
from robustness.prediction.degradation.support import Judge


def judge(index: ObservedIndex, calibration: Calibration, folder: Path) -> Judge:
    """The judge of a calibration, with its sentence encoder where this machine has that.

    Args:
        index: The index.
        calibration: Its calibration.
        folder: The folder of both.

    Raises:
        CorruptFileError: See `embeddings.load`.
    """
    fitted = calibration.support
    found = None if fitted is None else fitted.encoded
    embed = None if found is None else sentence_encoder.installed(found.name, found.layers)
    if fitted is None or found is None or embed is None:
        return Judge(index, calibration)
    texts = support.known(index, calibration.points, fitted.foreign)
    return Judge(index, calibration, embeddings.load(folder, texts, found.digest, embed))
