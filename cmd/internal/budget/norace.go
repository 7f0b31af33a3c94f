//go:build !race

package budget

// raceDetector reports whether the race detector is enabled.
const raceDetector = false
