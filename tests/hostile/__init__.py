"""Attackers beside people in a call: what each costs the others."""
