"""The schema's history, by Alembic. Forward only: a backup and a newer release undo what a release did."""
