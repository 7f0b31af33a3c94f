//go:build race

package testkit

// RaceDetector reports whether the race detector is enabled.
const RaceDetector = true
