"""`make bench`: what gchat's fan-out does, against a C program that does nothing else, in interleaved runs."""
