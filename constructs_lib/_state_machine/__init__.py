"""The steps from a recording's arrival to its transcript, as a state machine in JSONata.

A module has the states of one concern; :class:`~.definition.Definition` says which follows which.
"""
