//go:build race

package budget_test

// raceDetector allocates too.
const raceDetector = true
