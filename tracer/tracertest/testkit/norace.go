//go:build !race

package testkit

// RaceDetector reports whether the race detector is enabled, as it is in .ci/run.
const RaceDetector = false
