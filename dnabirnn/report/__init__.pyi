from .evaluation_files import write_evaluation as write_evaluation
from .examples import Genome as Genome, gather as gather
from .material import Material as Material
from .report import report_html as report_html
from .run_summary import summarize_run as summarize_run, write_run_summary as write_run_summary
from .summary import (
    contig_sizes as contig_sizes,
    sample_names as sample_names,
    summarize_calls as summarize_calls,
    summary_text as summary_text,
    wide_summary as wide_summary,
    write_summary as write_summary,
)
