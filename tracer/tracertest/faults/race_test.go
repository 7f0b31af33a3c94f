//go:build race

package faults_test

// raceDetector reports whether the race detector is enabled.
const raceDetector = true
