"""What the journal tells, for those who look: people, programs and pages alike."""
