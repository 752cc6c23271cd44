"""What is decided: outcomes, their symptoms, what is tolerated, and the verdict of a run."""
