"""The documents a plan is published as: plan.json, plan.csv, summary.json and the view of one site."""
