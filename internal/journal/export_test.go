package journal

// Outcome is outcome.
var Outcome = outcome
