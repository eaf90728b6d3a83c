"""What the service costs beside what somebody would write instead: `make bench`."""
