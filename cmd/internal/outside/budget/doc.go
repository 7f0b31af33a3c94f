// Package budget has only a test and a benchmark. They count and time a call that otelgrpc traces,
// to compare with the calls in bookservice/cmd/internal/budget.
package budget
