"""The knowledge base: articles about fault codes, and how the right ones are found."""
