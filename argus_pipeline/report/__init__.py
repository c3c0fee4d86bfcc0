"""The report: a diagnosis as Markdown, as one HTML page and as JSON."""
