"""The console: its page, and the calls of the clinics that are the user's own."""
