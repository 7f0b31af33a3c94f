// Package budget has no code, but a test and a benchmark of what tracing costs a call.
package budget
