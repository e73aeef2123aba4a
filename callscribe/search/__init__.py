"""Search over the words of calls: what is looked for, and the shards in which it is looked for."""
