"""Who gets in: what stands in front of every server of the local environment.

Two things, and a request has to pass both:

* :mod:`local.access.guard`: it comes from a program of this machine, not from a web page.
* :mod:`local.access.signatures`: it is signed with a key that this session gave out (:mod:`local.access.keys`).
"""
