"""The engine that judges wording by a sentence encoder; its weights are brought by whoever wants it."""
