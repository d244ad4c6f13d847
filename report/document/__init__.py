"""The document: its parts, house style, tables and figures, filled templates, and renderers."""
