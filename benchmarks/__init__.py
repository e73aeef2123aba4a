"""The figures of docs/benchmarks.md: ``python -m benchmarks`` measures them on this machine and prints them."""
