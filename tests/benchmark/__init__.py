"""What the suite costs beside what it must: ``python -m tests.benchmark``."""
