"""Speed, measured side by side with what a user would pick instead. Run with ``python -m benchmarks``."""
