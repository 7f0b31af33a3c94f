//go:build race

package faults_test

// raceDetector is slow.
const raceDetector = true
