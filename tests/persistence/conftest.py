"""Every test here may ask for a database."""

from tests.databases import database, postgres_database, sqlite_database

__all__ = ["database", "postgres_database", "sqlite_database"]
