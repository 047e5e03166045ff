"""Tables as people have them: rows of text from CSV or parquet, and which of their columns plays which part."""
