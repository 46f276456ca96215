"""The database: the only package that imports sqlmodel. Rows in, domain values out."""
