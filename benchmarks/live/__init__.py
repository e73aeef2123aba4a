"""Live calls under load: this project's streamer beside one written as its peers write theirs.

Everything a streamer talks to is one process on its own core (`services`): the audio of any number of calls, a
recogniser that answers at Deepgram's pace without recognising, and an AWS that says yes. The streamer has the other
core, and TLS is spoken on every connection.
"""
