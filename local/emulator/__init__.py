"""AWS on this machine: MiniStack on loopback, with the gaps that this project meets closed.

``python -m local.emulator`` runs it; :class:`local.emulator.process.Emulator` runs it as a child process.
What is changed, and what AWS does instead, stands at the head of each module in :mod:`local.emulator.patches`.
"""
