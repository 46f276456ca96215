"""Events as files that calendar programs read; knows neither patients' courses nor the database."""
