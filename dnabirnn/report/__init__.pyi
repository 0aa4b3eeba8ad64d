from .curves import (
    precision_recall_figure as precision_recall_figure,
    reliability_figure as reliability_figure,
    save as save,
)
from .examples import Genome as Genome, gather as gather
from .material import Material as Material
from .report import report_html as report_html
