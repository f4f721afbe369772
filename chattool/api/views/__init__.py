"""Records of the database as the API shows them: what a page needs is read in a few statements."""
