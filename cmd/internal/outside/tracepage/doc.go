// Package tracepage tests the trace page of package tracer/collector/page in a real browser.
package tracepage
