from .evaluation_files import write_evaluation as write_evaluation
from .examples import Genome as Genome, gather as gather
from .material import Material as Material
from .report import report_html as report_html
