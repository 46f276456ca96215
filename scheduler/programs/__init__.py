"""Facts as data: reads programs, protocols, networks, policies and patients, and refuses what cannot be used."""

from scheduler.programs.library import ProgramInfo, shipped_programs
from scheduler.programs.loader import load_program

__all__ = ["ProgramInfo", "load_program", "shipped_programs"]
