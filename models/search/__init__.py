"""Random search, as the papers searched: many short trainings, the best of them found again."""
