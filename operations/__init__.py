"""What an operator runs beside a deployment: look calls up, follow them, repeat what failed, check what is deployed.

Installed, this package is `callscribe.operations`, so its modules import each other relatively.
"""
