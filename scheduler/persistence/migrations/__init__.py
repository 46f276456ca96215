"""Alembic's scripts. `scheduler.persistence.schema` runs them; there is no alembic.ini."""
