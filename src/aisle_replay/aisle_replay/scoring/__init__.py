"""How good the decisions of a run are, measured against the truth; ``docs/truth.md`` defines every figure."""
