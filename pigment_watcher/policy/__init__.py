"""Every decision, as pure functions: time and chance come in as arguments, deeds go out as values.

`transitions` says which steps a job may make; `pushes`, `polls` and `probes` what an answer of the
destination means (`decisions` is what they share); `delays` when something is tried again;
`budget` when the next request is allowed; `lanes` who is next; `verdicts` what a person reads.
"""
