"""From the bytes of GetMedia to stereo audio on the call's clock. No input or output here."""
