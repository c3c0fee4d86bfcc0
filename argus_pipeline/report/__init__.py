"""The report: a diagnosis as Markdown, as one HTML page and as JSON."""

from argus_pipeline.report.html import render_html
from argus_pipeline.report.markdown import escape, render_markdown
from argus_pipeline.report.writing import render_json, write_report

__all__ = ["escape", "render_html", "render_json", "render_markdown", "write_report"]
