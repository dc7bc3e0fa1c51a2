"""The office: what blocks or talks to the outside, in processes of its own. ``docs/office.md`` is its plan."""
