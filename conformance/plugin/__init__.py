"""What pytest runs the suite with: its options, hooks and fixtures. Nothing else knows pytest's hooks."""
