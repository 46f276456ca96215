"""Between facts and solver: the only package where an instant becomes an integer."""
