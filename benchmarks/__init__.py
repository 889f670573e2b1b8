"""What Matinee costs, as ratios against limits that are measured in the same run (docs/performance.md)."""
