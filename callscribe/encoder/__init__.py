"""A small sentence encoder that knows wordings which no rule has: all-MiniLM-L6-v2, with heads for the flags.

It needs NumPy, safetensors and tokenizers (`pip install 'callscribe[encoder]'`) and the model's weights in a folder.
"""
