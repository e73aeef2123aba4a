"""What becomes of many calls when functions and streamers are killed and Deepgram fails: none lost, none twice."""
