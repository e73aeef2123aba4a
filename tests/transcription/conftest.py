from hypothesis import settings

# The same examples on every run, and no time limit that a busy machine could break.
settings.register_profile("callscribe", derandomize=True, deadline=None)
settings.load_profile("callscribe")
