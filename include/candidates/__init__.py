"""Candidate models behind one interface (`include.candidates.base`), one file per family."""
