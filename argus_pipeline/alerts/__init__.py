"""What people are told of by themselves, in the log and by a webhook."""
