"""A manuscript's tables as a paper file to be finished by hand, and as a paper that the audit takes at once."""
